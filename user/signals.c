// SPDX-License-Identifier: GPL-2.0
/* Signals that a command has to do with. */
#include <signal.h>
#include <stddef.h>

#include "signals.h"

bool signal_is_ignored(int number)
{
	struct sigaction action;

	return !sigaction(number, NULL, &action) && action.sa_handler == SIG_IGN;
}

void signals_spare_output(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}
