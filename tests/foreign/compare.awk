# Compares two runs of one suite, and names each test whose result differs, with its reason if it is known.
# Exits with 1 if one is not known, or no longer differs.

# The line after its first word: names hold spaces.
function rest(line) { return substr(line, index(line, " ") + 1) }

/^#/ || NF == 0 { next }
side == "" && $1 == suite {
    split(rest(rest($0)), parts, " [|] ")
    when[parts[1]] = $2
    reason[parts[1]] = parts[2]
}
side == "" { next }
{ result[side, rest($0)] = $1; tests[rest($0)] }

function ended(side, test) { return (side, test) in result ? result[side, test] : "missing" }

END {
    for (test in tests) {
        direct = ended("direct", test)
        ours = ended("ours", test)
        if (direct == ours) continue
        differ[test]
        differences++
        if (!(test in reason)) unknown++
        print "  " test ": " direct " directly, " ours " with ours: " (test in reason ? reason[test] : "NOT KNOWN")
    }
    for (test in reason) if (when[test] == "always" && !(test in differ)) {
        unknown++
        print "  " test ": differs no longer; take it out of tests/foreign/known"
    }
    printf "%d tests differ, %d are not as known\n", differences, unknown
    exit unknown > 0
}
