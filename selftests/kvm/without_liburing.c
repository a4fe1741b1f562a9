// SPDX-License-Identifier: GPL-2.0
/* What uring.c is, where it was built without liburing */
#include "kselftest.h"

int main(void)
{
	ksft_print_header();
	ksft_exit_skip("built without liburing: install liburing-dev and build again\n");
}
