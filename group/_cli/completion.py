"""`groupctl completion`: what a shell needs to complete commands and options.

Made from the parser, so that it knows what the parser knows.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from group._cli.options import Parser, grammar
from group._cli.paper import Paper


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a command.

    Attributes:
        names: How it is written.
        words: Its help, in one line.
        takes: What follows it, "" for a switch.
        choices: What may follow, where that is known.
    """

    names: tuple[str, ...]
    words: str
    takes: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """One command; `choices` are those of its first argument."""

    name: str
    words: str
    options: tuple[Option, ...]
    choices: tuple[str, ...]


def complete(shell: str, paper: Paper) -> int:
    """Write the lines for a shell; return the exit status."""
    root, parsers = grammar()
    found = [_command(name, words, each) for name, (words, each) in parsers.items()]
    top = _command("", "", root)
    write = {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]
    for line in write(top, found):
        paper.line(line)
    return 0


def _command(name: str, words: str, each: Parser) -> Command:
    choices: tuple[str, ...] = ()
    options = []
    for action in each._actions:  # noqa: SLF001 - argparse has no other way in
        if action.option_strings:
            options.append(_option(action))
        elif name and action.choices is not None:
            choices = tuple(map(str, action.choices))
    return Command(name, words, tuple(options), choices)


def _option(action: argparse.Action) -> Option:
    takes = "" if action.nargs == 0 else str(action.metavar or action.dest).upper()
    words = (action.help or "").replace("%(default)s", str(action.default))
    choices = tuple(map(str, action.choices or ()))
    return Option(tuple(action.option_strings), words, takes, choices)


# bash


def _bash(top: Command, commands: Sequence[Command]) -> Iterator[str]:
    yield '# Completes groupctl in bash: eval "$(groupctl completion bash)"'
    yield "_groupctl() {"
    yield "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}"
    yield "    local command=${COMP_WORDS[1]} words="
    yield "    COMPREPLY=()"
    yield "    if ((COMP_CWORD == 1)); then"
    yield from _bash_words(" ".join(each.name for each in commands), top)
    yield "    else"
    yield '        case "$command $before" in'
    for each in commands:
        yield from _bash_values(each)
    yield "        esac"
    yield '        case "$command" in'
    for each in commands:
        yield f"            {each.name})"
        yield from _bash_words(" ".join(each.choices), each)
        yield "            ;;"
    yield "        esac"
    yield "    fi"
    yield '    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")'
    yield "}"
    yield "complete -F _groupctl groupctl"


def _bash_words(words: str, command: Command) -> Iterator[str]:
    """Offer options to who has begun one, or where nothing else is known."""
    options = " ".join(_names(command))
    yield f'        words="{words or options}"'
    yield f'        [[ $word == -* ]] && words="{options}"'


def _bash_values(command: Command) -> Iterator[str]:
    """Say what follows an option: a file, one of a few words, or anything."""
    for option in command.options:
        if not option.takes:
            continue
        where = "|".join(f'"{command.name} {name}"' for name in option.names)
        if option.takes == "FILE":
            reply = 'mapfile -t COMPREPLY < <(compgen -f -- "$word")'
        elif option.choices:
            words = " ".join(option.choices)
            reply = f'mapfile -t COMPREPLY < <(compgen -W "{words}" -- "$word")'
        else:
            reply = ":"
        yield f"            {where}) {reply}; return ;;"


def _names(command: Command) -> list[str]:
    return [name for option in command.options for name in option.names]


# zsh


def _zsh(top: Command, commands: Sequence[Command]) -> Iterator[str]:
    yield "#compdef groupctl"
    yield "_groupctl() {"
    yield "    local -a commands=("
    for each in commands:
        yield f"        {_quoted(f'{each.name}:{_one_line(each.words)}')}"
    yield "    )"
    yield "    if ((CURRENT == 2)); then"
    yield "        _describe command commands"
    yield f"        compadd -- {' '.join(_names(top))}"
    yield "        return"
    yield "    fi"
    yield "    local command=$words[2]"
    yield "    shift words"
    yield "    ((CURRENT--))"
    yield '    case "$command" in'
    for each in commands:
        yield f"        {each.name})"
        yield "            _arguments \\"
        for option in each.options:
            yield f"                {_zsh_option(option)} \\"
        choices = f"({' '.join(each.choices)})" if each.choices else " "
        yield f"                {_quoted(f'1::argument:{choices}')}"
        yield "            ;;"
    yield "    esac"
    yield "}"
    yield 'if [[ $funcstack[1] == _groupctl ]]; then _groupctl "$@"'
    yield "else compdef _groupctl groupctl; fi"


def _zsh_option(option: Option) -> str:
    words = _one_line(option.words).replace("[", "(").replace("]", ")")
    value = ""
    if option.takes:
        value = f":{option.takes}:{' '}"
        if option.takes == "FILE":
            value = f":{option.takes}:_files"
        elif option.choices:
            value = f":{option.takes}:({' '.join(option.choices)})"
    return " ".join(_quoted(f"*{name}[{words}]{value}") for name in option.names)


# fish


def _fish(top: Command, commands: Sequence[Command]) -> Iterator[str]:
    yield "# Completes groupctl in fish: groupctl completion fish | source"
    yield "complete -c groupctl -f"
    for option in top.options:
        yield f"complete -c groupctl -n __fish_use_subcommand {_fish_option(option)}"
    for each in commands:
        words = _quoted(_one_line(each.words))
        yield (
            f"complete -c groupctl -n __fish_use_subcommand -a {each.name} -d {words}"
        )
        seen = f"complete -c groupctl -n '__fish_seen_subcommand_from {each.name}'"
        if each.choices:
            yield f"{seen} -a {_quoted(' '.join(each.choices))}"
        for option in each.options:
            yield f"{seen} {_fish_option(option)}"


def _fish_option(option: Option) -> str:
    parts = [
        f"-l {name.removeprefix('--')}" if name.startswith("--") else f"-s {name[1:]}"
        for name in option.names
    ]
    if option.takes == "FILE":
        parts.append("-r -F")
    elif option.choices:
        parts.append(f"-x -a {_quoted(' '.join(option.choices))}")
    elif option.takes:
        parts.append("-x")
    parts.append(f"-d {_quoted(_one_line(option.words))}")
    return " ".join(parts)


def _one_line(words: str) -> str:
    return " ".join(words.split())


def _quoted(words: str) -> str:
    # An apostrophe would end the quotation, and each shell escapes it in its own way.
    return "'" + words.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}") + "'"
