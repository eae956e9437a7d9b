from ai_stack.nixos_docs.options.mentions import Mention, mentions, referred
from ai_stack.nixos_docs.options.tree import OptionTree

NAMES = [["services", "a", "enable"], ["services", "a", "hosts", "<name>", "port"], ["time", "zone"]]
TREE = OptionTree(NAMES)


def test_names_in_text_are_found_with_and_without_config_before_them() -> None:
    text = 'Set `services.a.enable`, config.services.a.hosts."x.y".port or options.time.zone; not services.b.enable.'
    assert referred(text, TREE) == {0, 1, 2}


def test_options_set_in_examples_are_found() -> None:
    body = "Before.\n\n```nix\n{ services.a = { enable = true; hosts.x = { port = 1; }; }; }\n```\n"
    found = mentions([(7, "Heading", body)], NAMES, TREE)
    assert [(mention.option, mention.section) for mention in found] == [(0, 7), (1, 7)]


def test_what_is_said_is_the_heading_and_the_paragraphs_with_the_name() -> None:
    body = "Unrelated.\n\nThe zone is set with `time.zone`.\n\n```\ntime.zone = 1;\n```\n\nMore of zone."
    assert mentions([(1, "Clock > Zone", body)], NAMES, TREE) == [
        Mention(2, 1, "Clock > Zone\nThe zone is set with `time.zone`. More of zone.")
    ]


def test_code_that_is_nested_too_deeply_is_left_out() -> None:
    body = "```\n" + "(" * 500 + "\n```\ntime.zone"
    assert [mention.option for mention in mentions([(1, "", body)], NAMES, TREE)] == [2]


def test_sections_without_any_name_have_no_mentions() -> None:
    assert mentions([(1, "services", "Nothing of a.b.c here.")], NAMES, TREE) == []
