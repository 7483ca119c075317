%% OTP's `pg` in the shapes of the scenarios, told what to do line by line.
%%
%% A line is an Erlang list, `[Command, Argument, ...].`, and is answered by a list of
%% numbers, which is also JSON. `pg.py` compiles this, starts one or two nodes of it, and
%% knows what the numbers mean. Rates are a second, times are nanoseconds.
-module(pg_bench).
-export([main/0]).
%% Commands.
-export([fill/3, clear/0, lookup/1, readers/2, beside_writer/1, groups/2, members/1,
         register/1, burst/1, cycle/1, join_burst/2, events/1, event_hops/1, listeners/1,
         dispatch/2, cleanup/2, connect/1, part/1, latency/4, remote_events/3,
         concurrent/2, late_join/2, cleanup_there/3, churn/3, join_die/2, await_size/1]).
%% Run on the other node.
-export([watch_joins/1, await_and_tell/2, write_and_tell/3, burn/0]).

-define(SCOPE, bench).
-define(PATIENCE, 60000).

main() ->
    {ok, _} = pg:start(?SCOPE),
    say([]),
    loop().

loop() ->
    case io:get_line("") of
        eof ->
            halt(0);
        Line ->
            {ok, Tokens, _} = erl_scan:string(Line),
            {ok, [Command | Arguments]} = erl_parse:parse_term(Tokens),
            say(apply(?MODULE, Command, Arguments)),
            loop()
    end.

say(Numbers) -> io:format("~w~n", [Numbers]).

%% One node

%% So many keys, of that many owners in turns; kept until `clear`.
fill(Prefix, Keys, Owners) ->
    Names = keys(Prefix, Keys),
    Pids = list_to_tuple(owners(Owners)),
    lists:foldl(fun(Key, At) ->
                        ok = pg:join(?SCOPE, Key, element(At rem Owners + 1, Pids)),
                        At + 1
                end, 0, Names),
    put(keys, Names),
    put(owners, tuple_to_list(Pids)),
    [size_of_scope()].

clear() ->
    kill(get(owners)),
    await(0),
    [].

lookup(Passes) ->
    Keys = get(keys),
    [rate(Passes * length(Keys), fun() -> passes(Passes, Keys) end)].

readers(Count, Passes) ->
    Keys = get(keys),
    Me = self(),
    Readers = [spawn_link(fun() -> receive go -> ok end, passes(Passes, Keys), Me ! read end)
               || _ <- lists:seq(1, Count)],
    Run = fun() -> [Reader ! go || Reader <- Readers], wait(read, Count) end,
    [rate(Count * Passes * length(Keys), Run)].

%% Reads a second, pairs a second of the writer, and percentiles of single reads.
beside_writer(Passes) ->
    Keys = lists:sublist(get(keys), max(10, length(get(keys)) div 4)),
    Done = counters:new(1, []),
    Writer = spawn_link(fun() -> rewrite(Done) end),
    Before = counters:get(Done, 1),
    Began = now_ns(),
    passes(Passes, Keys),
    Took = now_ns() - Began,
    Pairs = counters:get(Done, 1) - Before,
    Times = lists:append([[time_of_read(Key) || Key <- Keys] || _ <- lists:seq(1, 20)]),
    Writer ! stop,
    [Passes * length(Keys) * 1.0e9 / Took, Pairs * 1.0e9 / Took,
     percentile(Times, 99.9), percentile(Times, 100)].

rewrite(Done) ->
    receive
        stop -> ok
    after 0 ->
        ok = pg:join(?SCOPE, <<"writer/1">>, self()),
        ok = pg:leave(?SCOPE, <<"writer/1">>, self()),
        counters:add(Done, 1, 1),
        rewrite(Done)
    end.

time_of_read(Key) ->
    Began = now_ns(),
    [_ | _] = pg:get_members(?SCOPE, Key),
    now_ns() - Began.

%% So many groups of so many members.
groups(Groups, Each) ->
    Names = keys("room", Groups),
    Pids = owners(Each),
    [ok = pg:join(?SCOPE, Name, Pids) || Name <- Names],
    put(keys, Names),
    put(owners, Pids),
    [].

members(Passes) -> lookup(Passes).

register(Count) ->
    Keys = keys("user", Count),
    [Owner] = owners(1),
    Rate = rate(Count, fun() -> join_all(Keys, Owner) end),
    kill([Owner]),
    await(0),
    [Rate].

%% So many processes are spawned, each registers its key; until all have.
burst(Count) -> join_burst(Count, Count).

%% The same with so many processes in so many groups.
join_burst(Count, Groups) ->
    Names = keys("user", Groups),
    Keys = lists:append(lists:duplicate(Count div Groups, Names)),
    Me = self(),
    Began = now_ns(),
    Pids = [spawn(fun() -> ok = pg:join(?SCOPE, Key, self()), Me ! joined, idle() end)
            || Key <- Keys],
    wait(joined, length(Keys)),
    Took = now_ns() - Began,
    kill(Pids),
    await(0),
    [length(Keys) * 1.0e9 / Took].

%% Pairs a second, p50 and p99 of one pair.
cycle(Count) ->
    Pair = fun(Key) -> ok = pg:join(?SCOPE, Key, self()),
                       ok = pg:leave(?SCOPE, Key, self()) end,
    Numbers = lists:seq(1, Count),
    Rate = rate(Count, fun() -> [Pair(<<"user/1">>) || _ <- Numbers] end),
    Times = [begin Began = now_ns(), Pair(<<"user/1">>), now_ns() - Began end
             || _ <- Numbers],
    [Rate, percentile(Times, 50), percentile(Times, 99)].

%% So many registrations until a monitor has received them.
events(Count) ->
    Keys = keys("user", Count),
    [Owner] = owners(1),
    Watcher = watcher(node()),
    Watcher ! {expect, Count},
    Began = now_ns(),
    join_all(Keys, Owner),
    Rate = Count * 1.0e9 / (received_at() - Began),
    Watcher ! stop,
    kill([Owner]),
    await(0),
    [Rate].

%% p50 and p99 from a registration to its event in another process.
event_hops(Count) ->
    [Owner] = owners(1),
    Watcher = watcher(node()),
    Times = [hop(Key, Owner, Watcher) || Key <- keys("user", Count)],
    Watcher ! stop,
    kill([Owner]),
    await(0),
    [percentile(Times, 50), percentile(Times, 99)].

hop(Key, Owner, Watcher) ->
    Watcher ! {expect, 1},
    Began = now_ns(),
    ok = pg:join(?SCOPE, Key, Owner),
    received_at() - Began.

listeners(Count) ->
    Me = self(),
    Pids = [spawn(fun() -> listen(Me) end) || _ <- lists:seq(1, Count)],
    ok = pg:join(?SCOPE, <<"room">>, Pids),
    put(owners, Pids),
    [].

listen(Parent) ->
    receive
        {expect, Count} -> listen(Parent, Count)
    end.

listen(Parent, 0) -> Parent ! heard, listen(Parent);
listen(Parent, Left) -> receive {message, _} -> listen(Parent, Left - 1) end.

%% So many dispatches to all listeners, until all have handled all.
dispatch(Count, Members) ->
    [Pid ! {expect, Count} || Pid <- get(owners)],
    Run = fun() ->
                  [[Pid ! {message, Number} || Pid <- pg:get_members(?SCOPE, <<"room">>)]
                   || Number <- lists:seq(1, Count)],
                  wait(heard, Members)
          end,
    [rate(Count, Run)].

%% So many owners of so many keys die until none is here.
cleanup(Owners, Keys) ->
    Pids = fill_owners(Owners, Keys),
    Began = now_ns(),
    kill(Pids),
    await(0),
    [now_ns() - Began].

%% Two nodes

connect(Other) ->
    true = net_kernel:connect_node(list_to_atom(Other)),
    [].

part(Other) ->
    erlang:disconnect_node(list_to_atom(Other)),
    await(0),
    [].

%% p50 and p99 until the event is received on the other node. Pauses in ms, 0 for none;
%% with or without a process there that burns a processor.
latency(Other, Count, {Least, Most}, Burn) ->
    There = list_to_atom(Other),
    [Owner] = owners(1),
    Watcher = watcher(There),
    Burner = [spawn(There, ?MODULE, burn, []) || Burn],
    Times = [begin
                 Most > 0 andalso timer:sleep(Least + rand:uniform(Most - Least)),
                 hop(Key, Owner, Watcher)
             end || Key <- keys("user", Count)],
    kill(Burner),
    Watcher ! stop,
    clear_both(There, [Owner]),
    [percentile(Times, 50), percentile(Times, 99)].

burn() -> burn().

%% So many registrations by so many processes until the other node's monitor has them.
remote_events(Other, Count, Writers) ->
    There = list_to_atom(Other),
    Each = Count div Writers,
    Watcher = watcher(There),
    Watcher ! {expect, Each * Writers},
    Me = self(),
    Names = [keys(Name, Each) || Name <- prefixes(Writers)],
    Began = now_ns(),
    Pids = [spawn(fun() -> join_all(Keys, self()), Me ! written, idle() end)
            || Keys <- Names],
    At = received_at(),
    wait(written, Writers),
    Watcher ! stop,
    clear_both(There, Pids),
    [Each * Writers * 1.0e9 / (At - Began)].

%% Both register so many keys at once, until both know all; a rate, and the time.
concurrent(Other, Count) ->
    There = list_to_atom(Other),
    Began = now_ns(),
    Pids = [spawn(Node, ?MODULE, write_and_tell, [self(), Node, Count])
            || Node <- [node(), There]],
    At = lists:max([received_at(), received_at()]),
    clear_both(There, Pids),
    [2 * Count * 1.0e9 / (At - Began), At - Began].

write_and_tell(Parent, Node, Count) ->
    join_all(keys(atom_to_list(Node), Count), self()),
    await(2 * Count),
    Parent ! {received, now_ns()},
    idle().

%% From the dial until so many keys are known here; then the link is dropped.
late_join(Other, Count) ->
    Began = now_ns(),
    connect(Other),
    await(Count),
    Took = now_ns() - Began,
    part(Other),
    [Took].

%% Owners die here until the other node has none of their keys.
cleanup_there(Other, Owners, Keys) ->
    There = list_to_atom(Other),
    Pids = fill_owners(Owners, Keys),
    settle(There, Owners * Keys),
    [died(There, Pids)].

died(There, Pids) ->
    Poller = spawn(There, ?MODULE, await_and_tell, [self(), 0]),
    wait(polling, 1),
    Began = now_ns(),
    kill(Pids),
    Took = received_at() - Began,
    await(0),
    unlink(Poller),
    Took.

%% So often, so many processes register a key and die; until nobody knows any.
churn(Other, Cycles, Count) ->
    There = list_to_atom(Other),
    Began = now_ns(),
    [live_and_die(Count) || _ <- lists:seq(1, Cycles)],
    settle(There, 0),
    await(0),
    [Cycles * Count * 1.0e9 / (now_ns() - Began)].

live_and_die(Count) ->
    Started = [spawn_monitor(fun() -> ok = pg:join(?SCOPE, Key, self()) end)
               || Key <- keys("user", Count)],
    [receive {'DOWN', Ref, process, _, _} -> ok end || {_, Ref} <- Started].

%% So many members of one key die until the other node has none.
join_die(Other, Count) ->
    There = list_to_atom(Other),
    Me = self(),
    Began = now_ns(),
    Pids = [spawn(fun() -> ok = pg:join(?SCOPE, <<"room">>, self()), Me ! joined, idle() end)
            || _ <- lists:seq(1, Count)],
    wait(joined, Count),
    Joined = now_ns() - Began,
    settle_members(There, Count),
    [Joined, died(There, Pids)].

settle_members(There, Count) ->
    case length(erpc:call(There, pg, get_members, [?SCOPE, <<"room">>])) of
        Count -> ok;
        _ -> timer:sleep(1), settle_members(There, Count)
    end.

%% The time, of the machine's clock, at which so many keys are known here.
await_size(Count) ->
    await(Count),
    [now_ns()].

%% Parts

keys(Prefix, Count) ->
    [iolist_to_binary([Prefix, $/, integer_to_list(At)]) || At <- lists:seq(1, Count)].

prefixes(Count) -> [integer_to_list(At) || At <- lists:seq(1, Count)].

owners(Count) -> [spawn(fun idle/0) || _ <- lists:seq(1, Count)].

idle() -> receive never -> ok end.

kill(Pids) -> [exit(Pid, kill) || Pid <- Pids].

fill_owners(Owners, Keys) ->
    Pids = owners(Owners),
    [join_all(keys(Name, Keys), Pid) || {Name, Pid} <- lists:zip(prefixes(Owners), Pids)],
    Pids.

join_all(Keys, Owner) -> [ok = pg:join(?SCOPE, Key, Owner) || Key <- Keys].

passes(0, _) -> ok;
passes(Left, Keys) -> read(Keys), passes(Left - 1, Keys).

read([Key | Rest]) ->
    case pg:get_members(?SCOPE, Key) of [_ | _] -> read(Rest) end;
read([]) -> ok.

rate(Count, Work) ->
    Began = now_ns(),
    Work(),
    Count * 1.0e9 / (now_ns() - Began).

percentile(Times, Percent) ->
    Sorted = lists:sort(Times),
    Last = length(Sorted) - 1,
    lists:nth(1 + min(Last, round(Percent / 100 * Last)), Sorted).

%% One clock for all processes of the machine.
now_ns() -> os:system_time(nanosecond).

wait(_, 0) -> ok;
wait(What, Left) -> receive What -> wait(What, Left - 1) after ?PATIENCE -> exit({no, What}) end.

received_at() -> receive {received, At} -> At after ?PATIENCE -> exit(nothing_received) end.

%% A process that monitors the scope on a node, and tells when it has what it expects.
watcher(Node) ->
    Pid = spawn(Node, ?MODULE, watch_joins, [self()]),
    wait(watching, 1),
    Pid.

watch_joins(Parent) ->
    {_Ref, _Known} = pg:monitor_scope(?SCOPE),
    Parent ! watching,
    watch(Parent).

watch(Parent) ->
    receive
        {expect, Count} -> watch(Parent, Count);
        {_, leave, _, _} -> watch(Parent);
        stop -> ok
    end.

watch(Parent, 0) -> Parent ! {received, now_ns()}, watch(Parent);
watch(Parent, Left) ->
    receive
        {_, join, _, Pids} -> watch(Parent, Left - length(Pids));
        {_, leave, _, _} -> watch(Parent, Left)
    end.

size_of_scope() -> ets:info(?SCOPE, size).

%% Look every millisecond, the least that the BEAM sleeps.
await(Count) ->
    case size_of_scope() of
        Count -> ok;
        _ -> timer:sleep(1), await(Count)
    end.

await_and_tell(Parent, Count) ->
    Parent ! polling,
    await(Count),
    Parent ! {received, now_ns()}.

settle(There, Count) ->
    spawn(There, ?MODULE, await_and_tell, [self(), Count]),
    wait(polling, 1),
    received_at().

clear_both(There, Pids) ->
    kill(Pids),
    await(0),
    settle(There, 0).
