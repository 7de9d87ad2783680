[ "$(id -u)" -ne 0 ] || exit 77
mkdir d; chmod a-w d; cxlmemsim record -o d/x -- true
