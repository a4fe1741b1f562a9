// SPDX-License-Identifier: GPL-2.0
/* libhvstep: another process's VMs and vCPUs, by what its descriptors are called. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <libhvstep.h>

/* anon_inode_getfd() in the kernel's virt/kvm/kvm_main.c */
#define VM_NAME		"anon_inode:kvm-vm"
#define VCPU_NAME	"anon_inode:kvm-vcpu:"

static int by_value(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;

	return (x > y) - (x < y);
}

struct numbers {
	unsigned int *value;
	size_t nr;
	size_t room;
};

static int numbers_add(struct numbers *n, unsigned int value)
{
	if (n->nr == n->room) {
		size_t room = n->room ? 2 * n->room : 16;
		unsigned int *more = reallocarray(n->value, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		n->value = more;
		n->room = room;
	}
	n->value[n->nr++] = value;
	return 0;
}

/* /proc does not show it: is there none, or is it hidden from us (hidepid)? */
static int why_not_shown(pid_t pid)
{
	struct pollfd ended = { .fd = syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	bool alive;

	if (ended.fd < 0)
		return -ESRCH;
	alive = !poll(&ended, 1, 0);
	close(ended.fd);
	return alive ? -EPERM : -ESRCH;
}

/*
 * The descriptors that are called @name, ascending; or, with @suffix, the numbers that
 * follow it in their names, each once.
 */
static int find(pid_t pid, const char *name, int suffix, struct numbers *found)
{
	char path[32], link[64];
	struct dirent *entry;
	bool denied = false;
	size_t i, nr = 0;
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir && errno == ENOENT)
		return why_not_shown(pid);
	if (!dir)
		return errno == EACCES ? -EPERM : -errno;
	while (!ret && (entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);

		/* In a container /proc can be looked into by who may not ptrace(). */
		if (len < 0) {
			denied |= errno == EACCES;
			continue;
		}
		link[len] = 0;
		if (suffix && !strncmp(link, name, strlen(name)))
			ret = numbers_add(found, strtoul(link + strlen(name), NULL, 10));
		else if (!suffix && !strcmp(link, name))
			ret = numbers_add(found, strtoul(entry->d_name, NULL, 10));
	}
	closedir(dir);
	if (!found->nr)
		return ret ?: denied ? -EPERM : 0;
	qsort(found->value, found->nr, sizeof(*found->value), by_value);
	for (i = 0; i < found->nr; i++)
		if (!nr || found->value[i] != found->value[nr - 1])
			found->value[nr++] = found->value[i];
	found->nr = nr;
	return ret;
}

int hvstep_process_vm(pid_t pid, unsigned int nth)
{
	struct numbers fds = { 0 };
	int pidfd, fd, ret;

	if (pid <= 0)
		return -ESRCH;

	/* First, so that all that follows is of the same process. */
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return -errno;
	ret = find(pid, VM_NAME, 0, &fds);
	if (!ret && nth >= fds.nr)
		ret = -ENOENT;
	if (!ret) {
		fd = syscall(SYS_pidfd_getfd, pidfd, fds.value[nth], 0);
		ret = fd < 0 ? -errno : fd;
	}
	free(fds.value);
	close(pidfd);
	return ret;
}

int hvstep_process_vcpus(pid_t pid, unsigned int *ids, size_t max)
{
	struct numbers found = { 0 };
	int ret = find(pid, VCPU_NAME, 1, &found);

	if (!ret) {
		/* None at all is no array either. */
		for (size_t i = 0; i < found.nr && i < max; i++)
			ids[i] = found.value[i];
		ret = found.nr;
	}
	free(found.value);
	return ret;
}
