#!/usr/bin/env bash
# Checks every relative link in the repository's *.md files. It must lead to a file or directory that exists. A
# #fragment of a Markdown file must be one of its headings. Links to other sites are not followed.
set -euo pipefail
cd "$(dirname "$0")/.."

# A heading's anchor, as code hosts make it: lower case, punctuation gone, spaces to hyphens. Letters that are not ASCII
# stay. So does their punctuation here, and headings should have none.
anchors() {
    LC_ALL=C sed -n '/^```/,/^```/!s/^##* //p' "$1" | LC_ALL=C tr '[:upper:]' '[:lower:]' |
        LC_ALL=C sed -E 's/\[([^]]*)\]\([^)]*\)/\1/g; s/[^a-z0-9 _\x80-\xff-]//g; s/ /-/g'
}

broken=0
checked=0
while IFS= read -r file; do
    while IFS= read -r link; do
        case $link in
        '' | *://* | mailto:*) continue ;;
        esac
        checked=$((checked + 1))
        path=${link%%#*}
        fragment=
        case $link in *'#'*) fragment=${link#*#} ;; esac
        target=$file
        [ -n "$path" ] && target=$(dirname "$file")/$path
        if [ ! -e "$target" ]; then
            echo "$file: $link leads nowhere"
            broken=$((broken + 1))
        elif [ -n "$fragment" ] && [ "${target##*.}" = md ] && ! anchors "$target" | grep -qxF -- "$fragment"; then
            echo "$file: $link names no heading"
            broken=$((broken + 1))
        fi
    done < <(sed '/^```/,/^```/d; s/`[^`]*`//g' "$file" | grep -oE '\]\([^)]+\)' | sed -E 's/^\]\(//; s/ ".*"\)$/)/; s/\)$//' || true)
done < <(git ls-files --cached --others --exclude-standard '*.md')
echo "links: $checked checked, $broken broken"
[ "$broken" -eq 0 ]
