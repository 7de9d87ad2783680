for o in '-p 1' '--pid 1' '--inject x' '--host a=b' '-r 3' '--repeat 3' --timeline; do
	cxlmemsim -t one.yaml $o -- true
	echo $?
done
