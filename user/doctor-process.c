// SPDX-License-Identifier: GPL-2.0
/* hvstep doctor: the shim, and a VMM that runs. */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "doctor.h"
#include "shim-path.h"

/* What anon_inode_getfd() is called with in the kernel's virt/kvm/ and in our kmod/. */
#define VM_NAME		"anon_inode:kvm-vm"
#define VCPU_NAME	"anon_inode:kvm-vcpu:"
#define SESSION_NAME	"anon_inode:hvstep-session"

/* The head of an ELF file, as far as it is the same in all classes. */
static bool elf_head(const char *path, Elf32_Ehdr *head)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	ok = read(fd, head, sizeof(*head)) == sizeof(*head) &&
	     !memcmp(head->e_ident, ELFMAG, SELFMAG);
	close(fd);
	return ok;
}

/* It comes with this command, whatever system is looked at. */
void doctor_shim(struct doctor *d)
{
	static const char * const remedy = "install hvstep anew, or set HVSTEP_PRELOAD";
	Elf32_Ehdr own, shim;
	char path[PATH_MAX];

	if (!doctor_live(d))
		return;
	if (!shim_find(path))
		doctor_problem(d, "shim", remedy, "%s: %s", path, strerror(errno));
	else if (!elf_head(path, &shim))
		doctor_problem(d, "shim", remedy, "%s is not a library", path);
	else if (elf_head("/proc/self/exe", &own) &&
		 (own.e_machine != shim.e_machine ||
		  own.e_ident[EI_CLASS] != shim.e_ident[EI_CLASS] ||
		  own.e_ident[EI_DATA] != shim.e_ident[EI_DATA]))
		doctor_problem(d, "shim", remedy, "%s is for another architecture", path);
	else
		doctor_ok(d, "shim", "%s", path);
}

struct descriptors {
	unsigned int vms, vcpus, sessions;
	int vm_fd;			/* the first VM's, in that process */
	bool denied;			/* there are some that could not be looked at */
};

static bool look_at(const struct doctor *d, const char *pid, struct descriptors *found)
{
	char path[64], full[PATH_MAX], name[64];
	struct dirent *entry;
	DIR *dir;

	memset(found, 0, sizeof(*found));
	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	tree_path(d, full, path);
	dir = opendir(full);
	if (!dir)
		return false;
	while ((entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, name, sizeof(name) - 1);

		if (len < 0) {
			found->denied |= errno == EACCES;
			continue;
		}
		name[len] = '\0';
		if (!strcmp(name, VM_NAME) && !found->vms++)
			found->vm_fd = atoi(entry->d_name);
		else if (!strncmp(name, VCPU_NAME, strlen(VCPU_NAME)))
			found->vcpus++;
		else if (!strcmp(name, SESSION_NAME))
			found->sessions++;
	}
	closedir(dir);
	return true;
}

static bool shim_is_in(const struct doctor *d)
{
	char path[64], full[PATH_MAX], *line = NULL;
	bool found = false;
	size_t size = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)d->pid);
	tree_path(d, full, path);
	maps = fopen(full, "re");
	if (!maps)
		return false;
	/* HVSTEP_PRELOAD can name another file, but its name hardly. */
	while (!found && getline(&line, &size, maps) > 0)
		found = strstr(line, "/" SHIM_NAME);
	free(line);
	fclose(maps);
	return found;
}

/* Where `hvstep attach` listens for its end, as /proc/net/unix has it. */
static bool attach_holds(const struct doctor *d)
{
	char name[64], full[PATH_MAX], *line = NULL;
	bool found = false;
	size_t size = 0;
	FILE *sockets;

	snprintf(name, sizeof(name), " @hvstep-attach/%d/", (int)d->pid);
	tree_path(d, full, "/proc/net/unix");
	sockets = fopen(full, "re");
	if (!sockets)
		return false;
	while (!found && getline(&line, &size, sockets) > 0)
		found = strstr(line, name);
	free(line);
	fclose(sockets);
	return found;
}

/* Is a debugger's step of it one? If not, why? */
static bool check_attached(struct doctor *d, const struct descriptors *fds)
{
	char remedy[160];
	bool shim;

	if (fds->sessions) {
		doctor_ok(d, "attached", "by the shim in it");
		return true;
	}
	if (attach_holds(d)) {
		doctor_ok(d, "attached", "by hvstep attach");
		return true;
	}
	if (doctor_auto_attach(d)) {
		doctor_ok(d, "attached", "by the module: auto_attach is on");
		return true;
	}
	shim = shim_is_in(d);
	if (shim) {
		/* What kept it from attaching then may be gone by now. */
		doctor_note(d, "attached", NULL,
			    "not yet, but the shim is in it, and will try with the next step");
	} else {
		snprintf(remedy, sizeof(remedy),
			 "attach it: hvstep attach %d; or start it with hvstep run", (int)d->pid);
		doctor_problem(d, "attached", remedy, "no: a debugger's steps of it run free");
	}
	doctor_vmm(d, shim);
	doctor_place(d);
	return shim;
}

/*
 * Whether other commands can take the VM. The only way to know is to take it, which the
 * VMM does not notice.
 */
static void check_right(struct doctor *d, const struct descriptors *fds, bool attached)
{
	static const char * const remedy =
		"be root, or see kernel.yama.ptrace_scope; a container may have to permit "
		"pidfd_getfd()";
	int pidfd, fd = -1, err;

	if (!doctor_live(d))
		return;
	pidfd = syscall(SYS_pidfd_open, d->pid, 0);
	if (pidfd >= 0)
		fd = syscall(SYS_pidfd_getfd, pidfd, fds->vm_fd, 0);
	err = errno;
	if (fd >= 0) {
		doctor_ok(d, "right", "hvstep attach, step and trace can take its VM");
		close(fd);
	} else if (attached) {
		doctor_note(d, "right", remedy, "hvstep attach, step and trace cannot take its VM: %s",
			    strerror(err));
	} else {
		doctor_problem(d, "right", remedy, "hvstep attach cannot take its VM: %s",
			       strerror(err));
	}
	if (pidfd >= 0)
		close(pidfd);
}

/* /proc can be mounted so that it shows nobody else's processes (hidepid). */
static bool is_hidden(const struct doctor *d)
{
	return doctor_live(d) && (!kill(d->pid, 0) || errno == EPERM);
}

void doctor_process(struct doctor *d)
{
	struct descriptors fds;
	char path[64], pid[16], name[32];

	snprintf(pid, sizeof(pid), "%d", (int)d->pid);
	snprintf(path, sizeof(path), "/proc/%s", pid);
	if (!tree_has(d, path) && is_hidden(d)) {
		doctor_problem(d, "process", "be its user, or root", "/proc does not show process %s",
			       pid);
		return;
	}
	if (!tree_has(d, path)) {
		doctor_problem(d, "process", "look for it: pgrep -a qemu", "there is no process %s",
			       pid);
		return;
	}
	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	if (tree_read(d, path, name, sizeof(name)) < 0)
		snprintf(name, sizeof(name), "?");
	name[strcspn(name, "\n")] = '\0';
	if (!look_at(d, pid, &fds) || (!fds.vms && fds.denied)) {
		doctor_problem(d, "process", "be its user, or root", "%s %s: %s", name, pid,
			       strerror(fds.denied ? EACCES : errno));
		return;
	}
	if (!fds.vms) {
		doctor_problem(d, "process",
			       "give the number of the VMM itself, and have it use KVM "
			       "(QEMU: -accel kvm)", "%s %s has no VM of KVM", name, pid);
		return;
	}
	doctor_ok(d, "process", "%s %s, VMs: %u, vCPUs: %u", name, pid, fds.vms, fds.vcpus);
	check_right(d, &fds, check_attached(d, &fds));
}
