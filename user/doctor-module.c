// SPDX-License-Identifier: GPL-2.0
/* hvstep doctor: the kernel module and its device. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bits.h"
#include "device.h"
#include "doctor.h"
#include "info.h"

/* At the end of a module's file, see the kernel's include/linux/module_signature.h. */
#define SIGNATURE	"~Module signature appended~\n"

/* Another kernel that has the module. */
static bool other_kernel(const struct doctor *d, char *release, size_t size)
{
	char full[PATH_MAX], path[PATH_MAX];
	struct dirent *entry;
	bool found = false, listed;
	DIR *dir;

	tree_path(d, full, "/lib/modules");
	dir = opendir(full);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, d->release))
			continue;
		found = tree_module(d, entry->d_name, "hvstep", path, &listed);
		if (found)
			snprintf(release, size, "%s", entry->d_name);
	}
	closedir(dir);
	return found;
}

static void check_installed(struct doctor *d)
{
	static const char * const remedy = "load the module: modprobe hvstep";
	char path[PATH_MAX], text[640], other[256];
	bool listed;

	if (!*d->release) {
		doctor_problem(d, "module", remedy, "not loaded");
	} else if (!tree_module(d, d->release, "hvstep", path, &listed)) {
		if (other_kernel(d, other, sizeof(other))) {
			snprintf(text, sizeof(text), "build it for this one: dkms install hvstep/"
				 HVSTEP_VERSION " -k %s; or boot %s", d->release, other);
			doctor_problem(d, "module", text,
				       "not installed for the kernel that runs, %s, but for %s",
				       d->release, other);
		} else {
			snprintf(text, sizeof(text), "install hvstep's module: dkms install hvstep/"
				 HVSTEP_VERSION " -k %s", d->release);
			doctor_problem(d, "module", text, "not installed");
		}
	} else if (!listed) {
		doctor_problem(d, "module", "have it found: depmod -a; then load it: modprobe hvstep",
			       "not loaded; modprobe does not know of %s", path);
	} else {
		doctor_problem(d, "module", remedy, "not loaded; installed as %s", path);
	}
}

static void check_version(struct doctor *d)
{
	char version[64];

	if (tree_read(d, "/sys/module/hvstep/version", version, sizeof(version)) <= 0) {
		doctor_ok(d, "module", "loaded");
		return;
	}
	version[strcspn(version, "\n")] = '\0';
	if (strcmp(version, HVSTEP_VERSION))
		doctor_note(d, "module",
			    "install both of one version; then, without VMs attached: "
			    "modprobe -r hvstep, modprobe hvstep",
			    "loaded, version %s; this command is " HVSTEP_VERSION, version);
	else
		doctor_ok(d, "module", "loaded, version %s", version);
}

/* "" if it cannot be seen. */
static void describe_device(const struct doctor *d, char *text, size_t size)
{
	char path[PATH_MAX];
	struct group *group;
	struct stat st;
	int len;

	text[0] = '\0';
	tree_path(d, path, HVSTEP_DEVICE);
	if (stat(path, &st) != 0)
		return;
	len = snprintf(text, size, " (mode %04o, group ", st.st_mode & 07777);
	/* The names of another system's groups are not ours. */
	group = doctor_live(d) ? getgrgid(st.st_gid) : NULL;
	if (group)
		snprintf(text + len, size - len, "%s)", group->gr_name);
	else
		snprintf(text + len, size - len, "%u)", st.st_gid);
}

/* Without a module to ask, which of what opening would say is to be seen? */
static struct obstacle device_obstacle(const struct doctor *d)
{
	struct obstacle why = { STAGE_NONE, 0 };
	char path[PATH_MAX];
	struct stat st;

	tree_path(d, path, HVSTEP_DEVICE);
	if (stat(path, &st) != 0)
		why = (struct obstacle){ STAGE_OPEN, errno };
	else if (!S_ISCHR(st.st_mode))
		why = (struct obstacle){ STAGE_INFO, ENOTTY };
	else if (faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) != 0)
		why = (struct obstacle){ STAGE_OPEN, errno };
	return why;
}

static void check_device(struct doctor *d, bool loaded, const struct obstacle *why)
{
	char details[320], path[PATH_MAX];
	const char *remedy = obstacle_remedy(why);
	struct stat st;

	describe_device(d, details, sizeof(details));
	tree_path(d, path, HVSTEP_DEVICE);
	switch (why->stage) {
	case STAGE_NONE:
	case STAGE_HOST:
		doctor_ok(d, HVSTEP_DEVICE, "can be opened%s", details);
		return;
	case STAGE_OPEN:
		break;
	default:
		doctor_problem(d, HVSTEP_DEVICE, remedy, "not the module's device%s", details);
		return;
	}
	if (why->err == ENOENT) {
		/* The module makes it, and that it is not loaded has been said. */
		if (loaded && (doctor_live(d) || tree_has(d, "/dev")))
			doctor_problem(d, HVSTEP_DEVICE,
				       "have udev make it: udevadm trigger --action=add --sysname-match=hvstep; "
				       "in a container, let it have the device",
				       "not there, though the module is loaded");
	} else if (why->err == EACCES && stat(path, &st) == 0 && st.st_gid == 0) {
		doctor_problem(d, HVSTEP_DEVICE,
			       "give it a group by a rule of udev: KERNEL==\"hvstep\", "
			       "GROUP=\"kvm\", MODE=\"0660\"; or be root",
			       "%s%s", strerror(why->err), details);
	} else {
		doctor_problem(d, HVSTEP_DEVICE, remedy, "%s%s", strerror(why->err), details);
	}
}

static void check_features(struct doctor *d, const struct hvstep_info *info)
{
	uint64_t known = bits_known(feature_names);
	uint64_t missing = known & ~info->features, unknown = info->features & ~known;
	char *names = NULL;
	size_t size;
	FILE *out = open_memstream(&names, &size);

	if (!out)
		return;
	bits_print(out, missing ? missing : unknown, feature_names, "", " ");
	fclose(out);
	if (missing & HVSTEP_FEATURE_STEP_ONE)
		doctor_problem(d, "features", "install hvstep's module anew and load it",
			       "the module cannot step");
	else if (missing)
		doctor_note(d, "features",
			    "install the module of this version; then, without VMs attached: "
			    "modprobe -r hvstep, modprobe hvstep",
			    "the module is older than this command, and lacks: %s", names);
	else if (unknown)
		doctor_note(d, "features", NULL,
			    "the module is newer than this command, and has more: %s", names);
	else
		doctor_ok(d, "features", "all that this command knows");
	free(names);
}

enum signature { UNSIGNED, SIGNED, UNKNOWN };

/* Of a compressed file it cannot be seen. */
static enum signature signature_of(const struct doctor *d)
{
	char path[PATH_MAX], full[PATH_MAX], end[sizeof(SIGNATURE) - 1];
	enum signature ret = UNKNOWN;
	bool listed;
	int fd;

	if (!*d->release || !tree_module(d, d->release, "hvstep", path, &listed) ||
	    strcmp(strrchr(path, '.'), ".ko"))
		return UNKNOWN;
	tree_path(d, full, path);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return UNKNOWN;
	if (lseek(fd, -(off_t)sizeof(end), SEEK_END) < 0)
		ret = UNSIGNED;
	else if (read(fd, end, sizeof(end)) == sizeof(end))
		ret = memcmp(end, SIGNATURE, sizeof(end)) ? UNSIGNED : SIGNED;
	close(fd);
	return ret;
}

/* Why the kernel would refuse it. */
static void check_signature(struct doctor *d)
{
	static const char * const remedy =
		"sign it with a key that this kernel trusts: make sign KEY=FILE CERT=FILE; "
		"README.md has a section on it";
	char lockdown[128] = "", enforce[8] = "";
	enum signature signature = signature_of(d);
	const char *why = NULL;

	tree_read(d, "/sys/kernel/security/lockdown", lockdown, sizeof(lockdown));
	tree_read(d, "/sys/module/module/parameters/sig_enforce", enforce, sizeof(enforce));
	if (strstr(lockdown, "[integrity]"))
		why = "lockdown=integrity";
	else if (strstr(lockdown, "[confidentiality]"))
		why = "lockdown=confidentiality";
	else if (enforce[0] == 'Y')
		why = "module.sig_enforce";

	if (!why)
		doctor_ok(d, "signature", "modules need none");
	else if (signature == UNSIGNED)
		doctor_problem(d, "signature", remedy,
			       "%s: only signed modules are loaded, and hvstep's is not", why);
	else
		doctor_note(d, "signature",
			    "if modprobe fails (Key was rejected, Operation not permitted) it is not "
			    "such a key; README.md has a section on it",
			    "%s: only modules are loaded that a key has signed which this kernel "
			    "trusts%s", why, signature == SIGNED ? "; hvstep's is signed" : "");
}

void doctor_module(struct doctor *d)
{
	bool loaded = tree_module_loaded(d, "hvstep"), asked = false;
	struct hvstep_info info;
	struct obstacle why;

	if (doctor_live(d))
		asked = info_get(&info, &why);
	else
		why = device_obstacle(d);
	loaded |= asked;

	if (loaded)
		check_version(d);
	else
		check_installed(d);
	check_device(d, loaded, &why);
	if (asked)
		check_features(d, &info);
	if (!loaded)
		check_signature(d);
}
