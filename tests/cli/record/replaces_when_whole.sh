echo old >a.cxlt
cxlmemsim record -q -S synth --pattern '{duration: 50ms, footprint: 1MiB}' -o a.cxlt && cxlmemsim trace info a.cxlt | grep state; ls a.cxlt*
# through a link: the file it names is replaced, the link stays
mkdir kept; echo old >kept/b.cxlt; ln -s kept/b.cxlt b.cxlt
cxlmemsim record -q -S synth --pattern '{duration: 50ms, footprint: 1MiB}' -o b.cxlt; readlink b.cxlt; cxlmemsim trace info kept/b.cxlt | grep state; ls b.cxlt* kept
