"""What a piece of work changed, by database."""

from wellhead.sessions.changes import Changes


def test_a_commit_of_what_only_read_changes_nothing() -> None:
    changes = Changes()
    changes.commit("main")

    assert changes.committed == set()


def test_what_was_committed_counts_in_the_work_around_it_too() -> None:
    around = Changes()
    changes = Changes(around)
    changes.begin("main")
    changes.commit("main")

    assert (around.pending, around.committed) == (set(), {"main"})


def test_one_database_alone_is_never_divided() -> None:
    changes = Changes()
    changes.begin("main")
    changes.commit("main")
    changes.give_up("main")

    assert not changes.are_divided


def test_they_are_divided_where_another_database_has_not_committed() -> None:
    changes = Changes()
    changes.begin("archive")
    changes.commit("archive")
    changes.give_up("main")

    assert changes.are_divided


def test_what_was_given_up_and_done_again_is_committed() -> None:
    changes = Changes()
    changes.give_up("main")
    changes.begin("main")
    changes.commit("main")

    assert (changes.given_up, changes.committed) == (set(), {"main"})


def test_what_is_settled_is_in_doubt_nowhere() -> None:
    around = Changes()
    changes = Changes(around)
    changes.begin("main")
    changes.doubt("main")
    changes.settle()

    assert (changes.unsure, around.unsure) == (set(), set())
