"""What forks and the end of the interpreter do to actors; seen in real processes."""

import os
import subprocess
import sys
import textwrap
import time

import pytest


def run(program: str, timeout: float = 20.0) -> subprocess.CompletedProcess[str]:
    """Run a program of its own and give what it said."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def test_a_program_whose_main_ends_does_end() -> None:
    began = time.monotonic()
    done = run(
        """
        import actors, threading

        class Busy(actors.Actor):
            def on_receive(self, message):
                threading.Event().wait()

        ref = Busy.start()
        ref.tell("work")
        actors.tell_after(ref, 60, "later")
        print("main ends")
        """
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "main ends\n", "")
    assert time.monotonic() - began < 15


def test_what_was_opened_is_stopped_at_exit_newest_first_and_failures_are_logged() -> (
    None
):
    done = run(
        """
        import actors

        class Root(actors.Actor):
            def on_stop(self):
                print("stopped", self.name)

            def __init__(self, name):
                super().__init__()
                self.name = name

        for name in ("first", "second"):
            ref = Root.start(name)
            actors.at_exit(lambda left, ref=ref: ref.stop(timeout=left))
        actors.at_exit(lambda left: 1 / 0)
        actors.at_exit(lambda left: print("never"))()
        """
    )

    assert done.returncode == 0
    assert done.stdout == "stopped second\nstopped first\n"
    assert "stop_at_exit_failed" in done.stderr
    assert "ZeroDivisionError" in done.stderr


def test_a_plain_actor_that_is_not_a_daemon_does_not_hold_the_exit() -> None:
    done = run(
        """
        import actors, pykka

        class Plain(pykka.ThreadingActor):
            def on_stop(self):
                print("stopped")

        ref = Plain.start()
        actors.at_exit(lambda left: ref.stop(timeout=left))
        """
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "stopped\n", "")


def test_abandoned_threads_are_named_at_exit() -> None:
    done = run(
        """
        import actors, threading
        busy = threading.Event()

        class Stuck(actors.Actor):
            def on_receive(self, message):
                busy.set()
                threading.Event().wait()

        ref = Stuck.start()
        ref.tell("work")
        busy.wait()
        actors.exit(ref, "kill")
        """
    )

    assert done.returncode == 0
    assert "actor_thread_abandoned" in done.stderr
    assert "on_receive" in done.stderr
    assert "abandoned_actor_threads_at_exit threads=Stuck-0" in done.stderr


def test_a_crash_is_seen_without_any_logging_set_up() -> None:
    done = run(
        """
        import actors

        class Frail(actors.Actor):
            pass

        ref = Frail.start()
        with actors.mailbox() as me:
            actors.monitor(ref)
            ref.tell(actors.ProxyCall(("nothing",), (), {}))
            me.receive(timeout=5)
        """
    )

    assert done.returncode == 0
    assert "actor_crashed actor=Frail" in done.stderr
    assert "AttributeError: 'Frail' object has no attribute 'nothing'" in done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_in_a_forked_child_inherited_actors_are_dead_and_new_ones_live() -> None:
    done = run(
        """
        import os, sys
        import actors, pykka

        class Echo(actors.Actor):
            def on_receive(self, message):
                return message

        class Plain(pykka.ThreadingActor):
            use_daemon_thread = True

        ref, plain = Echo.start(), Plain.start()
        actors.register_name("echo", ref)
        actors.on_down(plain, lambda reason: print("told", reason, flush=True))
        actors.on_down(ref, lambda reason: print("told", reason, flush=True))
        actors.tell_after(ref, 0.2, "later")
        with actors.mailbox() as me:
            child = os.fork()
            if child == 0:
                try:
                    assert not ref.is_alive() and not plain.is_alive()
                    assert not me.ref.is_alive()
                    for dead in (ref, plain):
                        try:
                            dead.ask("hello", timeout=5)
                        except pykka.ActorDeadError:
                            pass
                        else:
                            raise AssertionError
                        assert actors.by_actor_id(actors.actor_id(dead)) is None
                    seen = []
                    actors.on_down(ref, seen.append)
                    assert seen == ["noproc"]
                    assert actors.whereis("echo") is None
                    assert pykka.ActorRegistry.get_all() == []
                    try:
                        actors.current()
                    except actors.NoCurrentActorError:
                        pass
                    else:
                        raise AssertionError
                    fresh = Echo.start()
                    assert fresh.ask("hello", timeout=5) == "hello"
                    with actors.mailbox() as here:
                        actors.tell_after(here.ref, 0.01, "tick")
                        assert here.receive(timeout=5) == "tick"
                    assert fresh.stop(timeout=5)
                except BaseException as error:
                    import traceback
                    traceback.print_exc()
                    os._exit(1)
                os._exit(0)
            status = os.waitpid(child, 0)[1]
            assert ref.ask("still", timeout=5) == "still"
            assert actors.whereis("echo") is ref
            ref.stop()
        sys.exit(os.waitstatus_to_exitcode(status))
        """
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "told normal\n"
