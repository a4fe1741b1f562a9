# SPDX-License-Identifier: GPL-2.0
#
# For the GDB inside the guest: a breakpoint, and many stepi from there.

set pagination off
set confirm off
set width 0
set startup-with-shell off
handle SIGSTOP nostop noprint nopass
break walk_bp
run
set $n = 0
set $hash = 0
while $n < 100
  stepi
  set $n = $n + 1
  set $hash = ($hash * 31 + (unsigned long)$pc + (unsigned long)$r17) & 0xffffffffffff
end
printf "\ngdb-has-seen %d %lx\n", $n, $hash
kill
quit
