// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host.h"

/* What has the vectors, and the programs */
#define MOST_USED	0x20000

static void forget(void *mem, size_t size)
{
	if (madvise(mem, size, MADV_DONTNEED))
		vm_fail("MADV_DONTNEED: %s", strerror(errno));
}

bool unmap(struct actor *a)
{
	forget(a->world->views[0], MEM_SIZE);
	forget(a->world->views[1], MEM_SIZE);
	return true;
}

bool page_out(struct actor *a)
{
	struct world *w = a->world;
	int view = load(&w->view);

	/* What is mapped twice stays. */
	forget(w->vm->mem, MOST_USED);
	forget(w->views[!view], MOST_USED);
	return !madvise(w->views[view], MOST_USED, MADV_PAGEOUT);
}

bool compact(struct actor *a)
{
	(void)a;
	return host_write("/proc/sys/vm/compact_memory", "1");
}

/* Of the last CPU; empty if it is not online, as a POWER8's threads have to be */
static char online[64];

void host_begin(void)
{
	char state = '0';
	int fd;

	snprintf(online, sizeof(online), "/sys/devices/system/cpu/cpu%ld/online",
		 sysconf(_SC_NPROCESSORS_CONF) - 1);
	fd = open(online, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, &state, 1) != 1 || state != '1')
		online[0] = 0;
	if (fd >= 0)
		close(fd);
}

bool host_can_hotplug(void)
{
	return online[0];
}

void host_restore(void)
{
	if (online[0])
		host_write(online, "1");
}

bool hotplug(struct actor *a)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	bool gone;

	if (!online[0])
		return false;
	pthread_mutex_lock(&lock);
	gone = host_write(online, "0");
	usleep(random_below(&a->rnd, 20000));
	host_write(online, "1");
	pthread_mutex_unlock(&lock);
	return gone;
}
