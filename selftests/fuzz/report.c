// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer on hvstep report: whatever is in the file, each format comes to its end. The
 * first byte chooses the format, what is behind it is the file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "command.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	/* What is found comes by descriptor 2, which warnings would drown. */
	if (!freopen("/dev/null", "w", stdout))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static const char * const choices[] = {
		"--format=text", "--instructions=50", "--format=json", "--format=perfetto",
		"--format=folded", "--vcpu=0-3", "--depth=2", "--min-percent=10",
	};
	char path[32];
	char *argv[4] = { NULL };
	int fd, status;

	if (!size)
		return -1;
	fd = memfd_create("trace", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data + 1, size - 1) != (ssize_t)size - 1)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	argv[0] = "report";
	argv[2] = path;
	argv[1] = (char *)choices[*data % (sizeof(choices) / sizeof(choices[0]))];
	status = cmd_report(3, argv);
	/* hvstep itself must not fail by what is in a file. */
	if (status != 0 && status != 1)
		abort();
	close(fd);
	return 0;
}
