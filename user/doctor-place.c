// SPDX-License-Identifier: GPL-2.0
/*
 * hvstep doctor: whether a VMM could open /dev/hvstep, where it is: in its mount namespace
 * and its device cgroup, as its user, and under its AppArmor profile. A process of ours
 * that goes there and tries is asked, as no list of rules would tell: which node is there,
 * what a BPF program lets through, and what a profile means, only the kernel knows.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/hvstep.h>

#include "device.h"
#include "doctor.h"

#define GROUPS_MAX	1024
/* That it takes to open a device, and long enough for a slow host */
#define ANSWER_MS	5000

/* Who the VMM is, for the kernel's file permissions */
struct identity {
	uid_t uid;
	gid_t gid;
	gid_t groups[GROUPS_MAX];
	size_t nr_groups;
};

struct answer {
	enum { CANNOT_GO, CANNOT_BE, CANNOT_CONFINE, OPENED, NOT_OPENED, NO_ANSWER } what;
	int err;
};

/* The last of the four IDs in a line of status is the one for files. */
static bool file_id(const char *status, const char *key, unsigned int *id)
{
	const char *line = strstr(status, key);

	return line && sscanf(line + strlen(key), "%*u %*u %*u %u", id) == 1;
}

static bool identity_of(const struct doctor *d, struct identity *who)
{
	static char status[1 << 16];
	const char *list;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)d->pid);
	if (tree_read(d, path, status, sizeof(status)) < 0 ||
	    !file_id(status, "\nUid:", &who->uid) || !file_id(status, "\nGid:", &who->gid))
		return false;
	who->nr_groups = 0;
	list = strstr(status, "\nGroups:");
	if (!list)
		return false;
	for (list += strlen("\nGroups:"); who->nr_groups < GROUPS_MAX; who->nr_groups++) {
		list += strspn(list, " \t");
		if (*list < '0' || *list > '9')
			break;
		who->groups[who->nr_groups] = strtoul(list, (char **)&list, 10);
	}
	return true;
}

/* Ours? Who was made a member of a group since the VMM was started is not what it is. */
static bool is_ours(const struct identity *who)
{
	static gid_t groups[GROUPS_MAX];
	int nr = getgroups(GROUPS_MAX, groups), i;
	size_t at;

	if (nr < 0 || who->uid != geteuid() || who->gid != getegid() ||
	    (size_t)nr != who->nr_groups)
		return false;
	for (at = 0; at < who->nr_groups; at++) {
		for (i = 0; i < nr && groups[i] != who->groups[at]; i++)
			;
		if (i == nr)
			return false;
	}
	return true;
}

/*
 * fork() into its cgroup (version 2), or into the nearest one above that a process can be
 * in; -1 if none can be entered. A device filter counts for all that is below it.
 */
static pid_t clone_into_its_cgroup(const struct doctor *d)
{
	char path[64], text[PATH_MAX], dir[PATH_MAX + 32], *own, *slash;
	pid_t child = -1;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)d->pid);
	if (tree_read(d, path, text, sizeof(text)) < 0)
		return -1;
	own = strstr(text, "0::/");
	if (!own || (own != text && own[-1] != '\n'))
		return -1;
	own += strlen("0::");
	own[strcspn(own, "\n")] = '\0';
	while (child < 0) {
		struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
		int fd, err;

		snprintf(dir, sizeof(dir), "/sys/fs/cgroup%s", own);
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return -1;
		args.cgroup = fd;
		child = syscall(SYS_clone3, &args, sizeof(args));
		err = errno;
		if (!child)
			return 0;
		close(fd);
		/* A threaded one, or one with others below: what is filtered above counts. */
		if (child < 0 && err != EOPNOTSUPP && err != EBUSY)
			return -1;
		slash = strrchr(own, '/');
		if (child < 0 && (!slash || slash == own))
			return -1;
		if (child < 0)
			*slash = '\0';
	}
	return child;
}

/* In the child */
static struct answer try_to_open(int node, const struct identity *who, const char *profile)
{
	char path[32], change[512];
	struct hvstep_info info;
	int fd, len;

	if (who && (setgroups(who->nr_groups, who->groups) ||
		    setresgid(who->gid, who->gid, who->gid) ||
		    setresuid(who->uid, who->uid, who->uid)))
		return (struct answer){ CANNOT_BE, errno };
	if (profile) {
		len = snprintf(change, sizeof(change), "changeprofile %s", profile);
		fd = open("/proc/thread-self/attr/current", O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, change, len) != len)
			return (struct answer){ CANNOT_CONFINE, errno };
		close(fd);
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", node);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, HVSTEP_GET_INFO, &info) < 0)
		return (struct answer){ NOT_OPENED, errno };
	return (struct answer){ OPENED, 0 };
}

/* @there: in its cgroup; otherwise in ours. */
static struct answer ask(const struct doctor *d, int node, const struct identity *who,
			 const char *profile, bool there)
{
	struct answer answer = { NO_ANSWER, 0 };
	struct pollfd readable = { .events = POLLIN };
	int pipes[2];
	pid_t child;

	if (pipe2(pipes, O_CLOEXEC) != 0)
		return answer;
	readable.fd = pipes[0];
	fflush(NULL);
	child = there ? clone_into_its_cgroup(d) : fork();
	if (!child) {
		answer = try_to_open(node, who, profile);
		_exit(write(pipes[1], &answer, sizeof(answer)) != sizeof(answer));
	}
	close(pipes[1]);
	if (child < 0)
		answer.what = CANNOT_GO;
	else if (poll(&readable, 1, ANSWER_MS) != 1 ||
		 read(pipes[0], &answer, sizeof(answer)) != sizeof(answer))
		answer.what = NO_ANSWER;
	close(pipes[0]);
	if (child > 0) {
		/* A frozen cgroup keeps what is put into it; it lets it die. */
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	return answer;
}

/* "PROFILE (enforce)" of AppArmor: the profile, in place. */
static bool enforced_profile(const struct doctor *d, char *label, size_t size)
{
	char path[64], *mode;

	snprintf(path, sizeof(path), "/proc/%d/attr/current", (int)d->pid);
	if (tree_read(d, path, label, size) <= 0)
		return false;
	mode = strstr(label, " (enforce)");
	if (mode)
		*mode = '\0';
	return mode;
}

static const char place_remedy[] =
	"let it have the node: libvirt, cgroup_device_acl in qemu.conf; systemd, DeviceAllow= and no "
	"PrivateDevices=; a container, --device " HVSTEP_DEVICE;

/* Its user is not in the group of the device, or the device has none that may use it. */
static void not_permitted(struct doctor *d, int node, const struct identity *who)
{
	const struct group *group;
	char remedy[256];
	struct stat st;

	if (fstat(node, &st) != 0)
		st = (struct stat){};
	group = st.st_gid ? getgrgid(st.st_gid) : NULL;
	if (!st.st_gid || (st.st_mode & 060) != 060)
		snprintf(remedy, sizeof(remedy), "have udev give it to a group, by hvstep's rule: "
			 "udevadm control --reload; udevadm trigger --action=add "
			 "--sysname-match=hvstep; and start the VMM anew");
	else
		snprintf(remedy, sizeof(remedy), "add it to the group of the device: usermod -aG %s "
			 "USER, and start the VMM anew", group ? group->gr_name : "kvm");
	doctor_problem(d, "its device", remedy, "its user (UID %u, group %u, and %zu more) may not "
		       "open " HVSTEP_DEVICE " (mode %04o, group %u)", who->uid, who->gid,
		       who->nr_groups, st.st_mode & 07777, st.st_gid);
}

static void not_opened(struct doctor *d, int node, int err, const struct identity *who)
{
	switch (err) {
	case EPERM:
		doctor_problem(d, "its device", place_remedy, "its device cgroup does not let it "
			       "open " HVSTEP_DEVICE);
		return;
	case EACCES:
		not_permitted(d, node, who);
		return;
	case ENOTTY:
		doctor_problem(d, "its device", "remove it there, and make the node anew",
			       "not the module's device");
		return;
	default:
		doctor_problem(d, "its device", "see the kernel log: dmesg",
			       HVSTEP_DEVICE " cannot be opened there: %s", strerror(err));
	}
}

/* There is a node, of the device that the module has now. */
static void try_it(struct doctor *d, int node)
{
	static struct identity who;
	const struct identity *be = &who;
	char label[256], remedy[512];
	struct answer answer;
	bool there = true;

	if (!identity_of(d, &who))
		return;
	if (geteuid() && is_ours(&who))
		be = NULL;
	answer = ask(d, node, be, NULL, there);
	if (answer.what == CANNOT_GO) {
		there = false;
		answer = ask(d, node, be, NULL, there);
	}
	if (answer.what == NOT_OPENED) {
		not_opened(d, node, answer.err, &who);
		return;
	}
	if (answer.what != OPENED) {
		doctor_note(d, "its device", "be root, or the VMM's user",
			    "whether it could open " HVSTEP_DEVICE " cannot be tried");
		return;
	}
	if (!enforced_profile(d, label, sizeof(label))) {
		doctor_ok(d, "its device", "it could open " HVSTEP_DEVICE "%s",
			  there ? "" : ", if its cgroup permits it, which cannot be tried");
		return;
	}
	answer = ask(d, node, be, label, there);
	if (answer.what == NOT_OPENED) {
		snprintf(remedy, sizeof(remedy), "add to it: %s rw, (libvirt: in /etc/apparmor.d/local/"
			 "abstractions/libvirt-qemu), and start the VMM anew", HVSTEP_DEVICE);
		doctor_problem(d, "its device", remedy, "its AppArmor profile, %s, does not let it open "
			       HVSTEP_DEVICE, label);
	} else if (answer.what == OPENED) {
		doctor_ok(d, "its device", "it could open " HVSTEP_DEVICE ", under its AppArmor profile, "
			  "too");
	} else {
		doctor_note(d, "its device", "see the kernel log: dmesg | grep -i denied",
			    "it could open " HVSTEP_DEVICE ", if its AppArmor profile, %s, permits it",
			    label);
	}
}

void doctor_place(struct doctor *d)
{
	char path[64], full[PATH_MAX], old[128];
	struct stat st;
	int node;

	snprintf(path, sizeof(path), "/proc/%d/root", (int)d->pid);
	/* Collections of a system's files do not have it. */
	if (!doctor_live(d) && !tree_has(d, path))
		return;
	snprintf(path, sizeof(path), "/proc/%d/root" HVSTEP_DEVICE, (int)d->pid);
	tree_path(d, full, path);
	node = open(full, O_PATH | O_CLOEXEC);
	if (node < 0 && errno == ENOENT) {
		if (tree_module_loaded(d, "hvstep"))
			doctor_problem(d, "its device", place_remedy, "there is no " HVSTEP_DEVICE
				       " in its file system");
		return;
	}
	if (node < 0) {
		doctor_note(d, "its device", "be root, or the VMM's user",
			    "its file system cannot be looked into: %s", strerror(errno));
		return;
	}
	if (fstat(node, &st) == 0 && !S_ISCHR(st.st_mode))
		doctor_problem(d, "its device", "remove it there, and make the node anew",
			       HVSTEP_DEVICE " is not a device in its file system");
	else if (doctor_device_is_old(d, &st, old, sizeof(old)))
		doctor_problem(d, "its device", "remove it there, and make the node anew",
			       HVSTEP_DEVICE " in its file system is %s", old);
	else if (doctor_live(d) && tree_module_loaded(d, "hvstep"))
		try_it(d, node);
	close(node);
}
