/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of `hvstep doctor`:
 *
 *   doctor.c		the command and its output
 *   doctor-tree.c	files of the system that is looked at
 *   doctor-host.c	the machine, KVM, and what the kernel permits
 *   doctor-module.c	the kernel module and its device
 *   doctor-file.c	the module's file, if it is not loaded
 *   doctor-process.c	the shim, and a VMM that runs: is it attached, can it be?
 *   doctor-vmm.c	why the shim is not in that VMM
 *   doctor-place.c	whether that VMM could open the device
 */
#ifndef HVSTEP_DOCTOR_H
#define HVSTEP_DOCTOR_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

struct doctor {
	const char *root;	/* what to put before paths: "", or --root's */
	bool json;
	pid_t pid;		/* --pid's, or 0 */

	char release[65];	/* of the kernel, "" if it is not known */
	unsigned int checks, problems;
};

/* Is it this system, which can be asked, and not only a copy of its files? */
static inline bool doctor_live(const struct doctor *d)
{
	return !*d->root;
}

/*
 * What a check has found. @remedy is what to do, as a phrase; with a note it can be
 * NULL.
 */
void doctor_ok(struct doctor *d, const char *check, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void doctor_note(struct doctor *d, const char *check, const char *remedy, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void doctor_problem(struct doctor *d, const char *check, const char *remedy,
		    const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* @path is absolute; -1 or false with errno set. */
void tree_path(const struct doctor *d, char full[PATH_MAX], const char *path);
bool tree_has(const struct doctor *d, const char *path);
/* Reads what fits, ends it with a 0, and returns its length. */
ssize_t tree_read(const struct doctor *d, const char *path, char *buf, size_t size);
/* A number that a file begins with. */
bool tree_number(const struct doctor *d, const char *path, long *value);

/* Where a kernel has a module: false if nowhere. */
bool tree_module(const struct doctor *d, const char *release, const char *name,
		 char path[PATH_MAX], bool *listed);

/* Whether the module @name, with underscores, is loaded, or part of the kernel. */
bool tree_module_loaded(const struct doctor *d, const char *name);

/* Whether doctor has CAP_@cap in effect. */
bool doctor_capable(const struct doctor *d, int cap);

/* " (mode 0660, group kvm)", or nothing if it cannot be seen. */
void doctor_describe(const struct doctor *d, const char *path, char *text, size_t size);
/* A device that this process may not open for EACCES: why, and what to do. */
void doctor_denied(struct doctor *d, const char *check, const char *path, const char *details);
/* Is a node of /dev/hvstep one of before the module was loaded anew? Then says so in @text. */
bool doctor_device_is_old(const struct doctor *d, const struct stat *st, char *text, size_t size);
/* Whether the module attaches every VM. */
bool doctor_auto_attach(const struct doctor *d);

void doctor_host(struct doctor *d);
void doctor_module(struct doctor *d);
void doctor_module_file(struct doctor *d);
void doctor_permissions(struct doctor *d);
void doctor_shim(struct doctor *d);
void doctor_process(struct doctor *d);
/* Of the process @d->pid, whose VM is not attached; @shim: the shim is in it. */
void doctor_vmm(struct doctor *d, bool shim);
void doctor_place(struct doctor *d);

#endif /* HVSTEP_DOCTOR_H */
