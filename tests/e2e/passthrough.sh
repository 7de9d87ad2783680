# What a program can see of its surroundings is the same with and without the tool.
topology x2.yaml 100ns 200ns

cat >probe.sh <<'SH'
echo "arguments $#"; for a in "$@"; do printf '<%s>\n' "$a"; done
echo "environment"; tr '\0' '\n' </proc/self/environ
echo "directory $(pwd -P)"
echo "standard input: $(cat)"
echo "mask $(umask) nice $(nice) oom $(cat /proc/self/oom_score_adj)"
echo "identity $(id)"
ulimit -a
echo "files"; for f in 0 1 2 3 4 5 6 7 8 9 10 11 12 20 50 100; do
	[ -e /proc/$$/fd/$f ] && echo "$f $(readlink /proc/$$/fd/$f | sed 's/pipe:.*/pipe/')"
done
# Of awk, which has them from the shell: the shell blocks signals while it starts a program.
awk '/^(Sig(Blk|Ign)|ShdPnd|NoNewPrivs|Seccomp:|Cap|Cpus_allowed)/' /proc/self/status
awk '{ print "group is leader:", $5 == $1, "session is leader:", $6 == $1 }' /proc/$$/stat
cat /proc/$$/personality
echo "to standard error" >&2
SH

surroundings=(env -i PATH="$PATH" XDG_CACHE_HOME="$XDG_CACHE_HOME" HOME="$HOME" LD_LIBRARY_PATH=/x: EMPTY= 'ODD=a  b
c')
arguments=('' 'two words' '*' '--' '-o' '-t' 'x=y')
mkdir -p "sub dir"
cp probe.sh x2.yaml "sub dir"

# compare ROW WHY: runs both_ways RUNNER..., with and without the tool
compare() {
	local status
	both_ways without >out 2>err
	status=$?
	mv out plain.out
	mv err plain.err
	both_ways with >out 2>err
	same "$1: exit status" "$?" "$status" "$2"
	mv out watched.out
	mv err watched.err
	for stream in out err; do
		if diff plain.$stream watched.$stream >difference; then
			pass "$1: standard $stream" "$(wc -l <plain.$stream) lines alike ($2)"
		else
			fail "$1: standard $stream" "differs ($2)"
			sed 's/^/        /' difference
		fi
	done
}

# shellcheck disable=SC2086
program() { # with|without WORDS...
	local how=$1
	shift
	if [ "$how" = with ]; then
		"${surroundings[@]}" $VIA "$CXMS" -q -t x2.yaml -f json -o "$T/work/r.json" -- "$@"
	else
		"${surroundings[@]}" $VIA "$@"
	fi
}

both_ways() {
	(
		cd "sub dir" && umask 027 && trap '' USR1 &&
			program "$1" /bin/sh probe.sh "${arguments[@]}" <<<"some input" 7</dev/null
	)
}
compare surroundings "nothing may leak into the program"

both_ways() {
	head -c 300000 /dev/zero | tr '\0' x | program "$1" /bin/sh -c 'wc -c; cat'
}
compare "a pipe as input" "the tool must not read from it"

both_ways() {
	program "$1" /bin/sh -c 'cat; echo "read: $?"' <&-
}
compare "closed input" "it stays closed"

both_ways() {
	program "$1" /bin/sh -c 'echo out; echo err >&2' >&-
}
compare "closed output" "it stays closed"
