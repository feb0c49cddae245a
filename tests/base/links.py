#!/usr/bin/env python3
"""Every relative link and picture of the tree's *.md files leads to a file or folder of the tree.

Names each that does not. What git ignores is none: a reader does not have it. Run: links.py SOURCE_FOLDER.
"""
import pathlib
import re
import sys
import urllib.parse

IGNORED = {".deps", ".git", "build", "data", "runs"}  # at the top

CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"""\]\(\s*<?([^)\s>]+)|^ *\[[^\]]+\]:\s*<?([^\s>]+)|\b(?:src|href)=["']([^"']+)""", re.MULTILINE)


def in_tree(path, root):
    return path.exists() and path.is_relative_to(root) and not IGNORED.intersection(path.relative_to(root).parts[:1])


def broken_links(text, file, root):
    """Pairs of line and target."""
    text = CODE.sub(lambda code: re.sub(r"[^\n]", " ", code.group()), text)
    for match in LINK.finditer(text):
        target = next(filter(None, match.groups()))
        if re.match(r"[a-z][a-z0-9+.-]*:|//|#", target, re.IGNORECASE):
            continue
        path = (file.parent / urllib.parse.unquote(target.split("#")[0])).resolve()
        if not in_tree(path, root):
            yield text.count("\n", 0, match.start()) + 1, target


def main(root):
    root = pathlib.Path(root).resolve()
    broken = 0
    for file in sorted(root.rglob("*.md")):
        if file.relative_to(root).parts[0] in IGNORED:
            continue
        for line, target in broken_links(file.read_text(encoding="utf8"), file, root):
            print(f"{file.relative_to(root)}:{line}: {target}: not in the tree")
            broken += 1
    # The rule itself must bite.
    here = root / "tests/README.md"
    bad = ["![p](no.png)", "[a\nb](../no.md#x)", "[![p](base)](no)", "[r]: no.md", '<img src="no.png">', "[up](../../x)",
           "[f](/)", "[i](../build)"]
    good = ["[a](base/links.py)", "[a](../README.md#start \"title\")", "[a](https://a.b/c)", "[a](#below)", "`[a](no)`",
            "```\n[a](no)\n```", "[a]( <base> )", "[a](..)"]
    assert all(len(list(broken_links(text, here, root))) == 1 for text in bad)
    assert not any(list(broken_links(text, here, root)) for text in good)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
