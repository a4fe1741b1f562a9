// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "faults.h"
#include "vm.h"

static int fail_nth = -1;

const char *faults_missing(void)
{
	static const char * const kinds[] = { "failslab", "fail_page_alloc", "fail_usercopy" };
	char name[64];
	unsigned int i;

	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fail_nth < 0)
		return "the kernel does not inject faults (CONFIG_FAULT_INJECTION), or not for us";
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		/* Each would come with a trace of calls in the kernel's log. */
		snprintf(name, sizeof(name), FAULTS "%s/verbose", kinds[i]);
		if (!host_write(name, "0"))
			return "the kernel's fault injection cannot be set up (debugfs, root)";
	}
	/* By default those that may wait never fail, nor those for pages of user space. */
	if (!host_write(FAULTS "failslab/ignore-gfp-wait", "N") ||
	    !host_write(FAULTS "fail_page_alloc/ignore-gfp-wait", "N") ||
	    !host_write(FAULTS "fail_page_alloc/ignore-gfp-highmem", "N") ||
	    !host_write(FAULTS "fail_page_alloc/min-order", "0"))
		return "the kernel's fault injection cannot be set up (failslab, fail_page_alloc)";
	return NULL;
}

void faults_begin(int n)
{
	char text[16];
	int tries;

	snprintf(text, sizeof(text), "%d", n);
	/* To copy this from here is such a place, too. */
	for (tries = 0; tries < 3; tries++) {
		if (pwrite(fail_nth, text, strlen(text), 0) > 0)
			return;
	}
	vm_fail("fail-nth: %s", strerror(errno));
}

bool faults_end(void)
{
	char left[16] = {};
	bool failed = pread(fail_nth, left, sizeof(left) - 1, 0) > 0 && !atoi(left);

	faults_begin(0);
	return failed;
}
