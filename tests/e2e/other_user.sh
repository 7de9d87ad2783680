# Source exact, as root: a program that becomes another user and executes others, as su and daemons do,
# runs as without us, and is seen.
topology x2.yaml 100ns 200ns
other() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
if ! other test -x "$CXMS_EXACT_DIR/cxms-amd64-linux"; then
	skip_row "another user" "who is not root cannot read the exact tool in '$CXMS_EXACT_DIR'"
	finish
fi
cxms record -S exact -t x2.yaml -o w.cxlt -- sh -c \
	'exec setpriv --reuid 65534 --regid 65534 --clear-groups sh -c "id -u; sh -c \"exit 5\"; exit 4"' >out 2>err
same "another user: status" $? 4 "as without us"
same "another user: output" "$(cat out)" 65534 "it became that user"
same "another user: standard error" "$(grep -c valgrind err)" 0 "nothing of Valgrind's"
cxms trace dump w.cxlt >dump 2>&1
same "another user: processes" "$(sed -n 's/^exact pid=\([0-9]*\) .*/\1/p' dump | sort -u | wc -l)" 3 \
	"the shells and id are seen"
