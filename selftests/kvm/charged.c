// SPDX-License-Identifier: GPL-2.0
/* What a session takes is charged to the memory cgroup of who asks for it, and given back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cells.h"

#define RECORDS		524288U	/* 32 MiB */
/* The kernel charges in batches of 64 pages for each CPU, and a little beside. */
#define SLACK		(2 * 64 * sysconf(_SC_PAGESIZE) * sysconf(_SC_NPROCESSORS_CONF))

CELL_FIXTURE(charged);
CELL(charged, le_ail3, .ile = true, .ail = true);

#define ROOT		"/tmp/hvstep-cgroup.XXXXXX"
static char root[sizeof(ROOT)];
static char group[sizeof(ROOT) + 8];
static bool mounted;

static bool write_in(const char *dir, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return host_write(path, text);
}

/* A memory cgroup that has this process, and nobody else: why there is none, NULL: it is there */
static const char *enter_group(void)
{
	static char why[128];

	snprintf(root, sizeof(root), "%s", ROOT);
	if (!mkdtemp(root))
		vm_fail("%s: %s", root, strerror(errno));
	if (mount("none", root, "cgroup2", 0, NULL)) {
		rmdir(root);
		snprintf(why, sizeof(why), "cgroup2 cannot be mounted: %s", strerror(errno));
		return why;
	}
	mounted = true;
	snprintf(group, sizeof(group), "%s/hvstep", root);
	if (!write_in(root, "cgroup.subtree_control", "+memory"))
		return "no memory controller in the second version of cgroups";
	if (mkdir(group, 0700) || !write_in(group, "cgroup.procs", "0"))
		vm_fail("%s: %s", group, strerror(errno));
	return NULL;
}

static void leave_group(void)
{
	if (!mounted)
		return;
	write_in(root, "cgroup.procs", "0");
	rmdir(group);
	umount(root);
	rmdir(root);
}

static long charge(void)
{
	char path[128];
	long n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "%s/memory.current", group);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%ld", &n) != 1)
		vm_fail("%s: %s", path, strerror(errno));
	fclose(f);
	return n;
}

TEST_F(charged, ring)
{
	struct hvstep_trace trace = { .nr_records = RECORDS, .watermark = 1 };
	long size = RECORDS * sizeof(struct hvstep_record), before, with;
	const char *why;
	int ring, naps;

	SKIP_REFERENCE();
	why = enter_group();
	if (why) {
		leave_group();
		SKIP(return, "%s", why);
	}
	/* What is made for a vCPU once */
	ring = ioctl(self->vm->session, HVSTEP_TRACE, &trace);
	ASSERT_LE(0, ring);
	close(ring);
	before = charge();
	ring = ioctl(self->vm->session, HVSTEP_TRACE, &trace);
	ASSERT_LE(0, ring);
	with = charge();
	EXPECT_LT(size - SLACK, with - before);
	EXPECT_GT(size + size / 8 + SLACK, with - before);
	close(ring);
	for (naps = 0; naps < 500 && charge() > before + SLACK; naps++)
		usleep(10000);
	EXPECT_GE(before + SLACK, charge());
	printf("# a ring of %ld bytes: %ld, then %ld, then %ld\n", size, before, with, charge());
	leave_group();
}

KVM_TEST_MAIN
