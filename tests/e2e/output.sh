# Outputs that cannot be written: refused before the program starts where that can be known, else
# the program runs to its end undisturbed, and the tool says what is missing.
topology x2.yaml 100ns 200ns
program=(sh -c '"$MB" compute --seconds 0.3 && touch ran')

# fails ROW RAN MESSAGE WORDS...: exit 125 with MESSAGE; RAN: did the program run to its end?
fails() {
	local row=$1 ran=$2 message=$3
	shift 3
	rm -f ran
	"$@" -- "${program[@]}" >out 2>err
	same "$row" "$?" 125 "a failure of the tool"
	says "$row: message" err "$message" "it names the file and the fault"
	same "$row: program ran" "$(ls ran 2>/dev/null)" "$ran" "to its end, or not at all"
}

fails "no such directory, run" "" "no/such/r.json" cxms -q -t x2.yaml -f json -o no/such/r.json
fails "no such directory, record" "" "no/such/w.cxlt" cxms record -q -o no/such/w.cxlt
fails "no such directory, --save" "" "no/such/w.cxlt" \
	cxms -q -t x2.yaml -f json -o r.json --save no/such/w.cxlt
mkdir -p taken
fails "a directory" "" "taken" cxms -q -t x2.yaml -f json -o taken
if [ "$(id -u)" -ne 0 ]; then
	mkdir -p closed && chmod 500 closed
	fails "no permission" "" "closed/r.json" cxms -q -t x2.yaml -f json -o closed/r.json
	chmod 700 closed
fi
fails "full device, run" ran "/dev/full" cxms -q -t x2.yaml -f json -o /dev/full
# A recording starts with a header, so this one fails before the program starts.
fails "full device, record" "" "/dev/full" cxms record -q -o /dev/full
fails "full device, --save" "" "/dev/full" cxms -q -t x2.yaml -f json -o r.json --save /dev/full

# A real file system that fills up while the program runs, in a mount name space of its own. It has
# room for half of what the same run writes here, a block each half second or so; on a busy machine
# that takes a longer run to be several blocks.
period=20us
[ "$SOURCE" = ptrace ] && period=100us
for seconds in 3 6 12; do
	cxms record -q --period $period -o whole.cxlt -- "$MB" chase --size 16MiB --seconds $seconds >/dev/null
	kib=$(($(stat -c %s whole.cxlt) / 2048))
	[ $kib -lt 40 ] || break
done
mkdir -p small
spaces=(unshare -m)
[ "$(id -u)" -eq 0 ] || spaces=(unshare -Urm)
if "${spaces[@]}" mount -t tmpfs -o size=16k none small 2>/dev/null; then
	cat >on_small.sh <<SH
mount -t tmpfs -o size=${kib}k,mode=1777 none small || exit 77
$VIA "$CXMS" record -q --period $period -o small/w.cxlt -- \
	sh -c '"$MB" chase --size 16MiB --seconds $seconds && touch ran'
status=\$?
cp small/w.cxlt kept.cxlt
exit \$status
SH
	rm -f ran
	"${spaces[@]}" sh on_small.sh >out 2>err
	same "full disk" "$?" 125 "a failure of the tool"
	says "full disk: message" err "small/w.cxlt.*[Nn]o space" "it names the file and the fault"
	same "full disk: program ran" "$(ls ran 2>/dev/null)" ran "to its end"
	cxms trace info kept.cxlt >info 2>&1
	says "full disk: what is there" info "^samples +[1-9]" "readable up to the last whole block"
else
	skip_row "full disk" "no tmpfs can be mounted here, with or without a user name space"
fi
