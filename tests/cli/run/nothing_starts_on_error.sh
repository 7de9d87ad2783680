# needs a source that can watch
cxlmemsim doctor | grep -qE '^ *(clock|ptrace)  *works' || exit 77
sed 's/policy: page-interleave/policy: page-interleaved/' one.yaml >policy.yaml
for o in '-t policy.yaml' '-t bad.yaml' '-t none.yaml' '-t one.yaml -P nope' '-t one.yaml -s 200' '-t one.yaml -f json' '-t one.yaml -o none/x' '-t one.yaml --save none/x' '-t one.yaml --save /dev/null' '-t one.yaml -S nope' '-t one.yaml -o one.yaml' '-t one.yaml --save one.yaml' '-t one.yaml -o x --save .' '-t one.yaml -o x --save ./x' '-S exact -t one.yaml --save one.yaml' '--engine epoch'; do
	cxlmemsim $o -- touch started; echo $?
done
ls started x 2>/dev/null || true
cxlmemsim record -S exact -t one.yaml -o one.yaml -- touch started; echo $?
cxlmemsim record --pcm one.yaml -o one.yaml -- touch started; echo $?
cxlmemsim -t one.yaml -o two.yaml --pcm two.yaml -- touch started; echo $?
ls started 2>/dev/null || true
for o in -o --save; do
	cxlmemsim -t one.yaml $o '' -- touch started; echo $?
	cxlmemsim -t one.yaml $o "$(printf '%0256d' 0)" -- touch started; echo $?
done
ls started 2>/dev/null || true
