// SPDX-License-Identifier: GPL-2.0
/* hvstep doctor: the kernel module that is loaded, and its device. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bits.h"
#include "device.h"
#include "doctor.h"
#include "info.h"

#define HVSTEP_CLASS	"/sys/class/misc/hvstep"

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

void doctor_describe(const struct doctor *d, const char *path, char *text, size_t size)
{
	struct group *group;
	struct stat st;
	int len;

	text[0] = '\0';
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

/* The number that the device has now: it is another one each time the module is loaded. */
static bool device_number(const struct doctor *d, unsigned int *major_nr, unsigned int *minor_nr)
{
	char text[32];

	return tree_read(d, HVSTEP_CLASS "/dev", text, sizeof(text)) > 0 &&
		sscanf(text, "%u:%u", major_nr, minor_nr) == 2;
}

bool doctor_device_is_old(const struct doctor *d, const struct stat *st, char *text, size_t size)
{
	unsigned int major_nr, minor_nr;

	if (!S_ISCHR(st->st_mode) || !device_number(d, &major_nr, &minor_nr) ||
	    st->st_rdev == makedev(major_nr, minor_nr))
		return false;
	snprintf(text, size, "an old node: its number is %u:%u, the device's is %u:%u",
		 major(st->st_rdev), minor(st->st_rdev), major_nr, minor_nr);
	return true;
}

/* Whether this process has @gid, or could have it if its user logged in again. */
static bool session_has_group(gid_t gid)
{
	gid_t groups[256];
	int nr = getgroups(sizeof(groups) / sizeof(groups[0]), groups);

	for (int i = 0; i < nr; i++)
		if (groups[i] == gid)
			return true;
	return getegid() == gid;
}

static bool user_has_group(const struct group *group)
{
	const struct passwd *user = getpwuid(geteuid());

	for (char **member = group->gr_mem; user && *member; member++)
		if (!strcmp(*member, user->pw_name))
			return true;
	return false;
}

/* In a user namespace, a container without root, groups from outside have all the same number. */
static bool is_foreign_group(const struct doctor *d, gid_t gid)
{
	unsigned int inside, outside, nr;
	char map[128];
	long overflow;

	return doctor_live(d) && tree_number(d, "/proc/sys/kernel/overflowgid", &overflow) &&
	       gid == (gid_t)overflow &&
	       tree_read(d, "/proc/self/gid_map", map, sizeof(map)) >= 0 &&
	       !(sscanf(map, "%u %u %u", &inside, &outside, &nr) == 3 && !inside && !outside &&
		 nr == UINT_MAX);
}

/* It is not the mode alone that counts: what can be seen of why it was not enough? */
void doctor_denied(struct doctor *d, const char *check, const char *path, const char *details)
{
	const struct group *group;
	char text[256];
	struct stat st;

	if (stat(path, &st) != 0)
		st.st_gid = 0;
	group = doctor_live(d) ? getgrgid(st.st_gid) : NULL;
	if (doctor_live(d) && faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) == 0) {
		doctor_problem(d, check, "see the kernel log for which rule it was: dmesg | grep -i "
			       "denied; the profile has to permit it to be read and written",
			       "%s%s, though its mode permits it: a security module (AppArmor, SELinux) "
			       "does not", strerror(EACCES), details);
	} else if (is_foreign_group(d, st.st_gid) && (st.st_mode & 060) == 060) {
		doctor_problem(d, check, "be in the device's group outside, and have the container keep "
			       "it: podman run --group-add keep-groups",
			       "%s%s: its group is none of this user namespace's, or container's",
			       strerror(EACCES), details);
	} else if (!st.st_gid) {
		snprintf(text, sizeof(text), "give it a group by a rule of udev: KERNEL==\"%s\", "
			 "GROUP=\"kvm\", MODE=\"0660\"; or be root", strrchr(path, '/') + 1);
		doctor_problem(d, check, text, "%s%s", strerror(EACCES), details);
	} else if ((st.st_mode & 060) != 060) {
		snprintf(text, sizeof(text), "let its group use it, by a rule of udev: KERNEL==\"%s\", "
			 "GROUP=\"kvm\", MODE=\"0660\"", strrchr(path, '/') + 1);
		doctor_problem(d, check, text, "%s%s", strerror(EACCES), details);
	} else if (group && user_has_group(group) && !session_has_group(st.st_gid)) {
		snprintf(text, sizeof(text), "log in again, or: sg %s", group->gr_name);
		doctor_problem(d, check, text, "%s%s: this user is in the group, but was not yet when "
			       "this session began", strerror(EACCES), details);
	} else {
		snprintf(text, sizeof(text), "join the group that may use it: usermod -aG %s USER, "
			 "then log in again", group ? group->gr_name : "kvm");
		doctor_problem(d, check, text, "%s%s", strerror(EACCES), details);
	}
}

static void check_device(struct doctor *d, bool loaded, const struct obstacle *why)
{
	char details[320], path[PATH_MAX], old[128];
	const char *remedy = obstacle_remedy(why);
	struct stat st;

	tree_path(d, path, HVSTEP_DEVICE);
	doctor_describe(d, path, details, sizeof(details));
	if (loaded && stat(path, &st) == 0 && doctor_device_is_old(d, &st, old, sizeof(old))) {
		doctor_problem(d, HVSTEP_DEVICE, "remove it, and have udev make it anew: udevadm "
			       "trigger --action=add --sysname-match=hvstep; in a container, make it "
			       "anew there", "%s", old);
		return;
	}
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
	} else if (why->err == EACCES) {
		doctor_denied(d, HVSTEP_DEVICE, path, details);
	} else if (loaded || (why->err != ENXIO && why->err != ENODEV)) {
		/* What a module that is not loaded any more has left behind is no other problem. */
		doctor_problem(d, HVSTEP_DEVICE, remedy, "%s%s", strerror(why->err), details);
	}
}

bool doctor_auto_attach(const struct doctor *d)
{
	char value[8];

	return tree_read(d, HVSTEP_AUTO_ATTACH, value, sizeof(value)) > 0 &&
		(*value == 'Y' || *value == '1');
}

static void check_auto_attach(struct doctor *d)
{
	if (doctor_auto_attach(d))
		doctor_ok(d, "auto_attach", "on: any VM is attached when it is to be stepped");
	else if (tree_has(d, HVSTEP_AUTO_ATTACH))
		doctor_ok(d, "auto_attach", "off: VMs are attached by the shim (hvstep run) or by "
			  "hvstep attach");
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
		doctor_module_file(d);
	check_device(d, loaded, &why);
	if (asked)
		check_features(d, &info);
	if (loaded)
		check_auto_attach(d);
}
