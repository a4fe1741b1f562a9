// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <unistd.h>

#include "swap.h"
#include "vm.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

#define SWAP_SIZE	(64UL << 20)

/* include/linux/swap.h, union swap_header; what mkswap(8) writes */
#define SWAP_MAGIC	"SWAPSPACE2"
#define SWAP_VERSION_AT	1024
#define SWAP_LAST_AT	1028

/* In a file system that can do this, which a tmpfs is not */
#define SWAP_FILE	"/var/tmp/hvstep-swap.XXXXXX"
static char path[sizeof(SWAP_FILE)];
static bool ours;

static bool has_swap(void)
{
	FILE *swaps = fopen("/proc/swaps", "r");
	char line[256];
	int lines = 0;

	while (swaps && fgets(line, sizeof(line), swaps))
		lines++;
	if (swaps)
		fclose(swaps);
	return lines > 1;
}

/* Without holes; false: errno says why not */
static bool make_file(int fd)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *data = calloc(1, SWAP_SIZE);
	__u32 version = 1, last = SWAP_SIZE / page - 1;
	bool done;

	if (!data)
		return false;
	memcpy(data + page - strlen(SWAP_MAGIC), SWAP_MAGIC, strlen(SWAP_MAGIC));
	memcpy(data + SWAP_VERSION_AT, &version, sizeof(version));
	memcpy(data + SWAP_LAST_AT, &last, sizeof(last));
	done = write(fd, data, SWAP_SIZE) == (ssize_t)SWAP_SIZE && !fsync(fd);
	free(data);
	return done;
}

const char *swap_begin(void)
{
	static char why[128];
	int fd;

	if (has_swap())
		return NULL;
	if (geteuid())
		return "the host has no swap, and only root can give it some";
	snprintf(path, sizeof(path), "%s", SWAP_FILE);
	fd = mkstemp(path);
	ours = fd >= 0 && make_file(fd) && !swapon(path, 0);
	if (!ours)
		snprintf(why, sizeof(why), "no file can be made to swap to: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	if (!ours && fd >= 0)
		unlink(path);
	return ours ? NULL : why;
}

void swap_end(void)
{
	if (!ours)
		return;
	if (swapoff(path))
		vm_fail("swapoff: %s", strerror(errno));
	unlink(path);
	ours = false;
}

/*
 * On each CPU in turn: one keeps the last pages that it has brought in for itself for a
 * while (lru_add_drain()), and where the guest has no more than these, nothing would go.
 */
void swap_out(void *mem, size_t size)
{
	cpu_set_t all, one;
	int cpu;

	if (sched_getaffinity(0, sizeof(all), &all))
		vm_fail("sched_getaffinity: %s", strerror(errno));
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		/* It may have gone offline. */
		sched_setaffinity(0, sizeof(one), &one);
		if (madvise(mem, size, MADV_PAGEOUT))
			vm_fail("MADV_PAGEOUT: %s", strerror(errno));
	}
	sched_setaffinity(0, sizeof(all), &all);
}

unsigned long swapped_out(void)
{
	FILE *vmstat = fopen("/proc/vmstat", "r");
	unsigned long n = 0;
	char line[128];

	while (vmstat && fgets(line, sizeof(line), vmstat))
		if (sscanf(line, "pswpout %lu", &n) == 1)
			break;
	if (vmstat)
		fclose(vmstat);
	return n;
}
