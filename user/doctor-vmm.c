// SPDX-License-Identifier: GPL-2.0
/*
 * hvstep doctor: why the shim is not in a VMM that runs, and what else confines it. Each
 * is a way of starting one in which LD_PRELOAD does not arrive, or has no effect.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "shim-path.h"
#include "vmm.h"

static const char other_ways[] =
	"attach it from outside: hvstep attach; or have the module attach what is to be stepped: "
	"echo 1 >/sys/module/hvstep/parameters/auto_attach";

/* A file of the process's directory in /proc */
static void of_process(const struct doctor *d, const char *name, char path[64])
{
	snprintf(path, 64, "/proc/%d/%s", (int)d->pid, name);
}

/* What the kernel has told ld.so: set-uid, set-gid, or capabilities of its file. */
static bool is_secure(const struct doctor *d)
{
	static char buf[8192];
	Elf64_auxv_t *entry = (Elf64_auxv_t *)buf;
	char path[64];
	ssize_t len;

	of_process(d, "auxv", path);
	len = tree_read(d, path, buf, sizeof(buf));
	for (; len >= (ssize_t)sizeof(*entry); entry++, len -= sizeof(*entry))
		if (entry->a_type == AT_SECURE)
			return entry->a_un.a_val;
	return false;
}

enum program { UNKNOWN, DYNAMIC, STATIC, FOREIGN };

static enum program program_of(const struct doctor *d)
{
	enum program what = UNKNOWN;
	Elf64_Ehdr own, its;
	char path[64], full[PATH_MAX];
	int fd, self;

	of_process(d, "exe", path);
	tree_path(d, full, path);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && self >= 0 && read(fd, &its, sizeof(its)) == sizeof(its) &&
	    read(self, &own, sizeof(own)) == sizeof(own) && !memcmp(its.e_ident, ELFMAG, SELFMAG)) {
		if (its.e_ident[EI_CLASS] != own.e_ident[EI_CLASS] ||
		    its.e_ident[EI_DATA] != own.e_ident[EI_DATA] || its.e_machine != own.e_machine)
			what = FOREIGN;
		else
			what = vmm_is_static(fd) ? STATIC : DYNAMIC;
	}
	if (fd >= 0)
		close(fd);
	if (self >= 0)
		close(self);
	return what;
}

/* The shim in its LD_PRELOAD, as it was started: "" if it is not there, false if unknown. */
static bool shim_in_environment(const struct doctor *d, char shim[PATH_MAX])
{
	char path[64], full[PATH_MAX], *entry = NULL;
	bool known = false;
	size_t size = 0;
	FILE *env;

	shim[0] = '\0';
	of_process(d, "environ", path);
	tree_path(d, full, path);
	env = fopen(full, "re");
	if (!env)
		return false;
	while (getdelim(&entry, &size, '\0', env) > 0) {
		known = true;
		if (strncmp(entry, "LD_PRELOAD=", strlen("LD_PRELOAD=")))
			continue;
		for (char *save, *file = strtok_r(entry + strlen("LD_PRELOAD="), ": ", &save); file;
		     file = strtok_r(NULL, ": ", &save))
			if (strstr(file, SHIM_NAME))
				snprintf(shim, PATH_MAX, "%s", file);
	}
	/* Somebody may have given it none at all. */
	known |= feof(env);
	free(entry);
	fclose(env);
	return known;
}

/* LD_PRELOAD names it, and ld.so has not taken it. */
static void check_shim_file(struct doctor *d, const char *shim)
{
	char path[64], full[PATH_MAX], inside[2 * PATH_MAX];

	of_process(d, "root", path);
	tree_path(d, full, path);
	snprintf(inside, sizeof(inside), "%s%s", full, shim);
	if (*shim == '/' && access(full, X_OK) == 0 && access(inside, F_OK) != 0)
		doctor_problem(d, "preload", "let it have the file, at the same path; or start it with "
			       "hvstep run from there",
			       "LD_PRELOAD names %s, which its file system does not have", shim);
	else
		doctor_problem(d, "preload", "see what ld.so has said in the VMM's log (cannot be "
			       "preloaded); its user has to be let read the file, and its AppArmor "
			       "profile map it: mr",
			       "LD_PRELOAD names %s, and ld.so has not taken it", shim);
}

static void check_preload(struct doctor *d, bool shim)
{
	enum program program = program_of(d);
	char named[PATH_MAX];

	if (shim)
		doctor_ok(d, "preload", "the shim is in it");
	else if (program == STATIC)
		doctor_problem(d, "preload", other_ways,
			       "statically linked: nothing can be preloaded into it");
	else if (program == FOREIGN)
		doctor_problem(d, "preload", other_ways, "a program of another architecture than the shim");
	else if (is_secure(d))
		doctor_problem(d, "preload", other_ways, "set-uid, set-gid or with capabilities by its "
			       "file: ld.so takes no LD_PRELOAD for it");
	else if (!shim_in_environment(d, named))
		return;
	else if (*named)
		check_shim_file(d, named);
	else
		doctor_problem(d, "preload", "start it with hvstep run, behind whatever cleans the "
			       "environment (sudo, su, systemd, env -i); for libvirt, hvstep-qemu as its "
			       "<emulator>", "its environment has no LD_PRELOAD with the shim");
}

static void check_confinement(struct doctor *d)
{
	char path[64], label[256], status[8192], *line;

	of_process(d, "attr/current", path);
	if (tree_read(d, path, label, sizeof(label)) > 0) {
		label[strcspn(label, "\n")] = '\0';
		if (strstr(label, " (enforce)"))
			doctor_note(d, "confinement", "it has to permit: /dev/hvstep rw, and the shim's "
				    "file mr", "the AppArmor profile %s", label);
		else if (strchr(label, ':') && !strstr(label, ":unconfined_t:"))
			doctor_note(d, "confinement", "the device needs a type that this domain may use, as "
				    "/dev/kvm has: chcon --reference=/dev/kvm /dev/hvstep",
				    "the SELinux context %s", label);
	}
	of_process(d, "status", path);
	if (tree_read(d, path, status, sizeof(status)) < 0)
		return;
	line = strstr(status, "\nSeccomp:");
	if (line && atoi(line + strlen("\nSeccomp:")) == 2)
		doctor_note(d, "seccomp", NULL, "it has a filter; that of QEMU's own -sandbox does not "
			    "hinder the shim, that of a container has to permit openat() and ioctl()");
}

void doctor_vmm(struct doctor *d, bool shim)
{
	check_preload(d, shim);
	check_confinement(d);
}
