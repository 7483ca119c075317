"""An event finds everybody who asked for it, once."""

from group._core.keys import ALL
from group._core.subscriptions import Subscriptions


def test_a_key_finds_patterns_of_all_three_kinds() -> None:
    subscriptions = Subscriptions()
    subscriptions.add("all", "", ALL)
    subscriptions.add("prefix", "", "a/")
    subscriptions.add("key", "", "a/b")
    subscriptions.add("other", "", "b/")

    assert list(subscriptions.matching("", "a/b")) == ["all", "key", "prefix"]


def test_a_subscriber_with_two_patterns_is_told_once() -> None:
    subscriptions = Subscriptions()
    subscriptions.add("me", "", ALL)
    subscriptions.add("me", "", "key")
    subscriptions.add("me", "", "key")

    assert list(subscriptions.matching("", "key")) == ["me"]


def test_clusters_are_apart() -> None:
    subscriptions = Subscriptions()
    subscriptions.add("me", "red", ALL)

    assert subscriptions.any("red")
    assert not subscriptions.any("")
    assert list(subscriptions.matching("", "key")) == []


def test_one_pattern_can_be_given_up() -> None:
    subscriptions = Subscriptions()
    subscriptions.add("me", "", "a")
    subscriptions.add("me", "", "b")
    subscriptions.add("you", "", "a")

    subscriptions.remove("me", "", "a")
    subscriptions.remove("me", "", "never")
    subscriptions.remove("me", "nowhere", "a")

    assert list(subscriptions.matching("", "a")) == ["you"]
    assert list(subscriptions.matching("", "b")) == ["me"]


def test_none_gives_up_every_pattern_anywhere() -> None:
    subscriptions = Subscriptions()
    subscriptions.add("me", "", ALL)
    subscriptions.add("me", "red", "a/")
    subscriptions.add("you", "red", "a/")

    subscriptions.remove("me", "", None)

    assert not subscriptions.any("")
    assert list(subscriptions.matching("red", "a/b")) == ["you"]


def test_many_keys_that_only_all_finds_have_the_same_subscribers() -> None:
    subscriptions = Subscriptions()
    subscriptions.add("me", "", ALL)

    first = subscriptions.matching("", "a/b")

    assert subscriptions.matching("", "c") is first
    subscriptions.add("you", "", "a/")
    assert list(subscriptions.matching("", "a/b")) == ["me", "you"]
    assert list(first) == ["me"]
