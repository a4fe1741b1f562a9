// SPDX-License-Identifier: GPL-2.0
/* hvstep doctor: the machine, KVM, and what the kernel permits. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "doctor.h"
#include "remedy.h"

/* The first value of @key in /proc/cpuinfo, which has lines of "key\t\t: value". */
static bool cpuinfo(const char *text, const char *key, char *value, size_t size)
{
	size_t len = strlen(key);

	for (const char *next, *line = text; *line; line = next) {
		const char *colon;

		next = strchrnul(line, '\n');
		next += *next == '\n';
		if (strncmp(line, key, len))
			continue;
		colon = line + len + strspn(line + len, " \t");
		if (*colon != ':')
			continue;
		colon += 1 + strspn(colon + 1, " \t");
		snprintf(value, size, "%.*s", (int)strcspn(colon, "\n"), colon);
		return true;
	}
	return false;
}

/* A tree of files says less of its kernel than uname(). */
static void kernel_release(struct doctor *d)
{
	char version[128];

	if (tree_read(d, "/proc/sys/kernel/osrelease", d->release, sizeof(d->release)) > 0) {
		d->release[strcspn(d->release, "\n")] = '\0';
		return;
	}
	if (tree_read(d, "/proc/version", version, sizeof(version)) <= 0 ||
	    sscanf(version, "Linux version %64s", d->release) != 1)
		d->release[0] = '\0';
}

static bool machine_is_power(struct doctor *d, const char *cpu)
{
	struct utsname host = { 0 };
	char arch[65];

	kernel_release(d);
	if (doctor_live(d) && uname(&host) == 0)
		snprintf(arch, sizeof(arch), "%s", host.machine);
	else if (tree_read(d, "/proc/sys/kernel/arch", arch, sizeof(arch)) > 0)
		arch[strcspn(arch, "\n")] = '\0';
	else
		snprintf(arch, sizeof(arch), "%s", *cpu ? "ppc64le" : "unknown");

	if (!strcmp(arch, "ppc64")) {
		doctor_problem(d, "machine", "run it on a host with a little-endian kernel (ppc64le)",
			       "%s: hvstep is not built for big-endian hosts", arch);
		return false;
	}
	if (strcmp(arch, "ppc64le")) {
		doctor_problem(d, "machine", "run it on a POWER host",
			       "%s: only guests on POWER can be stepped", arch);
		return false;
	}
	doctor_ok(d, "machine", "%s, kernel %s", arch, *d->release ? d->release : "unknown");
	return true;
}

/*
 * Inside of a guest KVM-HV takes what kvmppc_core_check_processor_compat_hv() of the
 * kernel asks for: ISA 3.0 and the radix MMU.
 */
static void check_processor(struct doctor *d, const char *info, const char *cpu)
{
	char platform[32] = "unknown", mmu[32] = "";
	unsigned int generation = 0;
	int len = strcspn(cpu, ", ");

	cpuinfo(info, "platform", platform, sizeof(platform));
	cpuinfo(info, "MMU", mmu, sizeof(mmu));
	if (sscanf(cpu, "POWER%u", &generation) != 1 || generation < 8) {
		doctor_problem(d, "processor", "run it on POWER8 or later",
			       "%s: KVM-HV is for older ones no more", *cpu ? cpu : "unknown");
	} else if (!strcmp(platform, "PowerNV")) {
		doctor_ok(d, "processor", "%.*s, bare metal", len, cpu);
	} else if (strcmp(platform, "pSeries")) {
		doctor_problem(d, "processor", "KVM-HV is for PowerNV and pSeries",
			       "%.*s, platform %s", len, cpu, platform);
	} else if (generation < 9 || !strcmp(mmu, "Hash")) {
		doctor_problem(d, "processor",
			       "KVM-HV in a guest needs POWER9 or later and the radix MMU: run it "
			       "on bare metal, or start this guest with radix",
			       "%.*s%s, itself a guest", len, cpu,
			       !strcmp(mmu, "Hash") ? ", hash MMU" : "");
	} else {
		doctor_note(d, "processor", NULL,
			    "%.*s, itself a guest: its own guests are nested, which the hypervisor "
			    "below must permit (QEMU: -machine pseries,cap-nested-hv=on), and each "
			    "step of theirs goes through it", len, cpu);
	}
}

static void check_kvm_hv(struct doctor *d)
{
	static const struct obstacle not_loaded = { STAGE_HOST, 0 };
	bool pr = tree_module_loaded(d, "kvm_pr"), listed;
	char path[PATH_MAX];

	if (tree_module_loaded(d, "kvm_hv"))
		doctor_ok(d, "kvm-hv", "loaded");
	else if (*d->release && tree_has(d, "/lib/modules") &&
		 !tree_module(d, d->release, "kvm-hv", path, &listed))
		doctor_problem(d, "kvm-hv",
			       "take a kernel with CONFIG_KVM_BOOK3S_64_HV, or the package of "
			       "this one's other modules", "this kernel has none");
	else
		doctor_problem(d, "kvm-hv", obstacle_remedy(&not_loaded), "not loaded%s",
			       pr ? "; guests of kvm-pr, which is, cannot be stepped" : "");
}

/* 0, or with which errno it cannot be opened. */
static int open_error(const struct doctor *d, const char *path)
{
	int fd;

	if (!doctor_live(d))
		return faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) ? errno : 0;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static void check_kvm_device(struct doctor *d)
{
	char path[PATH_MAX], details[320];
	struct stat st;
	int err;

	tree_path(d, path, "/dev/kvm");
	if (stat(path, &st) != 0) {
		if (doctor_live(d) || tree_has(d, "/dev"))
			doctor_problem(d, "/dev/kvm", "load KVM: modprobe kvm_hv; in a container, "
				       "let it have the device", "%s", strerror(errno));
		return;
	}
	if (!S_ISCHR(st.st_mode)) {
		doctor_problem(d, "/dev/kvm", "remove it, then modprobe kvm_hv",
			       "a file that somebody has put there, not the device");
		return;
	}
	doctor_describe(d, path, details, sizeof(details));
	err = open_error(d, path);
	if (!err)
		doctor_ok(d, "/dev/kvm", "can be opened");
	else if (err == EACCES)
		doctor_denied(d, "/dev/kvm", path, details);
	else if (err == EPERM)
		doctor_problem(d, "/dev/kvm", "a container or a device cgroup forbids it: allow "
			       "/dev/kvm there", "%s%s", strerror(err), details);
	else
		doctor_problem(d, "/dev/kvm", "load KVM: modprobe kvm_hv", "%s%s", strerror(err),
			       details);
}

void doctor_host(struct doctor *d)
{
	/* Of a machine with many processors the last lines matter, too. */
	static char info[1 << 20];
	char cpu[64] = "";

	if (tree_read(d, "/proc/cpuinfo", info, sizeof(info)) < 0)
		info[0] = '\0';
	cpuinfo(info, "cpu", cpu, sizeof(cpu));
	/* Elsewhere there is no KVM-HV to look for. */
	if (!machine_is_power(d, cpu))
		return;
	check_processor(d, info, cpu);
	check_kvm_hv(d);
	check_kvm_device(d);
}

bool doctor_capable(const struct doctor *d, int cap)
{
	char status[4096], *line;

	if (tree_read(d, "/proc/self/status", status, sizeof(status)) < 0)
		return false;
	line = strstr(status, "\nCapEff:");
	return line && strtoull(line + strlen("\nCapEff:"), NULL, 16) >> cap & 1;
}

/* hvstep run needs none of it. */
static void check_ptrace(struct doctor *d)
{
	bool capable = doctor_capable(d, CAP_SYS_PTRACE);
	long scope = 0;

	/* A kernel may be without Yama; a collection of files is silent about it. */
	if (!tree_number(d, "/proc/sys/kernel/yama/ptrace_scope", &scope) && !doctor_live(d))
		return;
	if (scope >= 3)
		doctor_note(d, "ptrace", "start VMMs with hvstep run",
			    "kernel.yama.ptrace_scope=%ld: hvstep attach, step and trace are for "
			    "nobody until the next boot", scope);
	else if (capable)
		doctor_ok(d, "ptrace", "hvstep attach, step and trace can take any VMM");
	else if (scope)
		doctor_note(d, "ptrace",
			    "run these as root, or: sysctl -w kernel.yama.ptrace_scope=0",
			    "kernel.yama.ptrace_scope=%ld: hvstep attach, step and trace need "
			    "CAP_SYS_PTRACE", scope);
	else
		doctor_ok(d, "ptrace", "hvstep attach, step and trace can take VMMs of this user");
}

static void check_io_uring(struct doctor *d)
{
	static const char * const remedy =
		"permit it: sysctl -w kernel.io_uring_disabled=0 (hvstep run and debuggers do "
		"without)";
	long disabled = 0;

	/* Kernels before 6.6 do not have it, and permit it. */
	if (!tree_number(d, "/proc/sys/kernel/io_uring_disabled", &disabled) && !doctor_live(d))
		return;
	if (!disabled)
		doctor_ok(d, "io_uring", "permitted");
	else if (disabled == 1 && doctor_capable(d, CAP_SYS_ADMIN))
		doctor_ok(d, "io_uring", "permitted to this user");
	else if (disabled == 1)
		doctor_note(d, "io_uring", remedy,
			    "kernel.io_uring_disabled=1: hvstep trace is for root and "
			    "kernel.io_uring_group only");
	else
		doctor_note(d, "io_uring", remedy,
			    "kernel.io_uring_disabled=%ld: hvstep trace will not work", disabled);
}

void doctor_permissions(struct doctor *d)
{
	check_ptrace(d);
	check_io_uring(d);
}
