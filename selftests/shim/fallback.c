// SPDX-License-Identifier: GPL-2.0
/* No ioctl() behind the shim: it makes the system call itself. */
#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ksft.h"

static unsigned int asked;

/* In front of the C library's, and finds nothing. */
__attribute__((visibility("default")))
void *dlsym(void *handle, const char *name)
{
	(void)handle;
	(void)name;
	asked++;
	errno = ENOENT;
	return NULL;
}

int main(void)
{
	int ends[2], n = 0, ret;

	ksft_print_header();
	ksft_set_plan(3);
	if (pipe(ends) != 0 || write(ends[1], "abc", 3) != 3)
		return 1;
	errno = 77;
	ret = ioctl(ends[0], FIONREAD, &n);
	ksft_test_result(ret == 0 && n == 3 && errno == 77,
			 "without dlsym() a call reaches the kernel\n");
	ret = ioctl(-1, FIONREAD, &n);
	ksft_test_result(ret == -1 && errno == EBADF, "and so does an error come back\n");
	ksft_test_result(asked == 1, "dlsym() is asked once\n");
	ksft_finished();
}
