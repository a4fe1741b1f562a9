// SPDX-License-Identifier: GPL-2.0
/* hvstep doctor: the file of a module that is not loaded, and whether the kernel would take it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doctor.h"
#include "remedy.h"

/* At the end of a module's file, see the kernel's include/linux/module_signature.h. */
#define SIGNATURE	"~Module signature appended~\n"
#define SECURITYFS	"/sys/kernel/security"

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

static bool is_compressed(const char *path)
{
	return strcmp(strrchr(path, '.'), ".ko");
}

/*
 * The first line of what modinfo(8) says of a file, which it can decompress: it is kmod by
 * another name, and where modules are, kmod is in the path of users, too. False if it cannot;
 * a @field that is not there is empty.
 */
static bool modinfo(const struct doctor *d, const char *path, const char *field, char *value,
		    size_t size)
{
	char full[PATH_MAX];
	char *const argv[] = { "modinfo", "-F", (char *)field, "--", full, NULL };
	posix_spawn_file_actions_t actions;
	int pipefd[2], status = -1;
	ssize_t got = 0;
	size_t len = 0;
	pid_t pid;

	tree_path(d, full, path);
	/* Whoever has started us may ignore it: there is nobody to wait for then. */
	signal(SIGCHLD, SIG_DFL);
	if (pipe2(pipefd, O_CLOEXEC) != 0)
		return false;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipefd[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	status = posix_spawnp(&pid, "kmod", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipefd[1]);
	if (!status) {
		do {
			got = read(pipefd[0], value + len, size - 1 - len);
			len += got > 0 ? got : 0;
		} while (got > 0 && len < size - 1);
	}
	close(pipefd[0]);
	value[len] = '\0';
	value[strcspn(value, "\n")] = '\0';
	return !status && waitpid(pid, &status, 0) == pid && !status && got >= 0;
}

/* Of a tree whose files need not be what they are called */
static int open_module(const struct doctor *d, const char *path)
{
	char full[PATH_MAX];
	struct stat st;

	tree_path(d, full, path);
	if (stat(full, &st) != 0 || !S_ISREG(st.st_mode))
		return -1;
	return open(full, O_RDONLY | O_CLOEXEC);
}

/* The kernel that a module's file was built for, by the "vermagic=RELEASE ..." among its strings */
static bool built_for(const struct doctor *d, const char *path, char *release, size_t size)
{
	static const char key[] = "vermagic=";
	struct stat st;
	char *found;
	void *file;
	int fd;

	if (is_compressed(path)) {
		if (!modinfo(d, path, "vermagic", release, size) || !*release)
			return false;
		release[strcspn(release, " ")] = '\0';
		return true;
	}
	fd = open_module(d, path);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) != 0 || !st.st_size)
		file = MAP_FAILED;
	else
		file = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (file == MAP_FAILED)
		return false;
	found = memmem(file, st.st_size, key, strlen(key));
	if (found) {
		const char *end = (char *)file + st.st_size;
		size_t len = 0;

		found += strlen(key);
		while (found + len < end && found[len] && found[len] != ' ' && len < size - 1)
			len++;
		snprintf(release, size, "%.*s", (int)len, found);
	}
	munmap(file, st.st_size);
	return found;
}

/* Whether a line of modprobe.d(5), in @text, is one that says blacklist hvstep. */
static bool forbids(const char *text)
{
	char first[16], second[16];

	for (const char *line = text; *line; line = strchrnul(line, '\n'), line += *line == '\n')
		if (sscanf(line, " %15s %15s", first, second) == 2 && !strcmp(first, "blacklist") &&
		    !strcmp(second, "hvstep"))
			return true;
	return false;
}

/* Whether a list, of names with commas in between, has hvstep. */
static bool list_has_hvstep(char *list)
{
	char *name;

	while ((name = strsep(&list, ",")))
		if (!strcmp(name, "hvstep"))
			return true;
	return false;
}

/* What a word of the command line sets @option to, in which the kernel takes - for _; or NULL. */
static char *value_of(char *word, const char *option)
{
	for (; *option; word++, option++)
		if (*word != *option && !(*word == '-' && *option == '_'))
			return NULL;
	return *word == '=' ? word + 1 : NULL;
}

/*
 * Whether the kernel's command line names hvstep in the list that @option is. That can be
 * there more than once, of which for the kernel the last counts, for modprobe each (@all).
 */
static bool cmdline_forbids(const struct doctor *d, const char *option, bool all)
{
	char text[4096], *words = text, *word, *value, *to = text;
	bool quoted = false, found = false;

	if (tree_read(d, "/proc/cmdline", text, sizeof(text)) <= 0)
		return false;
	/* Between quotes, wherever in a word they are, blanks belong to it. */
	for (const char *from = text; *from; from++) {
		if (*from == '"')
			quoted = !quoted;
		else
			*to++ = *from == ' ' && !quoted ? '\n' : *from;
	}
	*to = '\0';
	/* What is behind a -- is init's. */
	while ((word = strsep(&words, "\n")) && strcmp(word, "--")) {
		value = value_of(word, option);
		if (value)
			found = list_has_hvstep(value) || (found && all);
	}
	return found;
}

/*
 * What keeps the module from being loaded at boot. (An install line does not keep
 * modprobe from it: libkmod ignores that of a module that has a softdep.)
 */
static bool forbidden(const struct doctor *d, char path[PATH_MAX])
{
	static const char * const dirs[] = {
		"/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d",
		"/usr/lib/modprobe.d", "/lib/modprobe.d",
	};
	static char text[1 << 16];
	struct dirent *entry;
	bool found = cmdline_forbids(d, "modprobe.blacklist", true);

	if (found)
		snprintf(path, PATH_MAX, "modprobe.blacklist= of the kernel's command line");
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]) && !found; i++) {
		char full[PATH_MAX];
		DIR *dir;

		tree_path(d, full, dirs[i]);
		dir = opendir(full);
		while (dir && !found && (entry = readdir(dir))) {
			const char *dot = strrchr(entry->d_name, '.');

			if (!dot || strcmp(dot, ".conf"))
				continue;
			snprintf(path, PATH_MAX, "%s/%s", dirs[i], entry->d_name);
			found = tree_read(d, path, text, sizeof(text)) > 0 && forbids(text);
		}
		if (dir)
			closedir(dir);
	}
	return found;
}

/* What it takes to build a module for the kernel that runs. */
static bool has_headers(const struct doctor *d)
{
	char build[128], full[PATH_MAX], target[PATH_MAX], makefile[PATH_MAX + 16];
	ssize_t len;

	snprintf(build, sizeof(build), "/lib/modules/%s/build", d->release);
	tree_path(d, full, build);
	len = readlink(full, target, sizeof(target) - 1);
	/* In a copy of a system's files a link means one of them. */
	if (len > 0 && target[0] == '/')
		snprintf(makefile, sizeof(makefile), "%.*s/Makefile", (int)len, target);
	else
		snprintf(makefile, sizeof(makefile), "%s/Makefile", build);
	return tree_has(d, makefile);
}

/* How to come by a module for the kernel that runs: what is missing first. */
static void how_to_install(const struct doctor *d, char *text, size_t size)
{
	unsigned int major, minor;

	if (sscanf(d->release, "%u.%u", &major, &minor) == 2 &&
	    (major < 6 || (major == 6 && minor < 1)))
		snprintf(text, size, "boot Linux 6.1 or later: hvstep is not for this one");
	else if (!tree_has(d, "/usr/src/hvstep-" HVSTEP_VERSION))
		snprintf(text, size, "install its source, the package hvstep-dkms of version "
			 HVSTEP_VERSION);
	else if (!has_headers(d))
		snprintf(text, size, "install the kernel's headers, linux-headers-%s (Fedora: "
			 "kernel-devel-%s); then: dkms install hvstep/" HVSTEP_VERSION " -k %s",
			 d->release, d->release, d->release);
	else
		snprintf(text, size, "build it: dkms install hvstep/" HVSTEP_VERSION " -k %s",
			 d->release);
}

static void check_not_installed(struct doctor *d)
{
	char text[640], other[256];
	size_t len;

	how_to_install(d, text, sizeof(text));
	if (other_kernel(d, other, sizeof(other))) {
		len = strlen(text);
		snprintf(text + len, sizeof(text) - len, "; or boot %s", other);
		doctor_problem(d, "module", text,
			       "not installed for the kernel that runs, %s, but for %s",
			       d->release, other);
	} else {
		doctor_problem(d, "module", text, "not installed");
	}
}

static void check_installed(struct doctor *d)
{
	static const char * const remedy = "load the module: modprobe hvstep";
	char path[PATH_MAX], conf[PATH_MAX], text[640], release[65];
	bool listed;

	if (!*d->release) {
		doctor_problem(d, "module", remedy, "not loaded");
	} else if (!tree_module(d, d->release, "hvstep", path, &listed)) {
		check_not_installed(d);
	} else if (built_for(d, path, release, sizeof(release)) && strcmp(release, d->release)) {
		snprintf(text, sizeof(text), "build it for this one: dkms install --force hvstep/"
			 HVSTEP_VERSION " -k %s", d->release);
		doctor_problem(d, "module", text,
			       "not loaded; %s is built for another kernel, %s: this one, %s, may not "
			       "take it", path, release, d->release);
	} else if (!listed) {
		doctor_problem(d, "module", "have it found: depmod -a; then load it: modprobe hvstep",
			       "not loaded; modprobe does not know of %s", path);
	} else if (cmdline_forbids(d, "module_blacklist", false)) {
		doctor_problem(d, "module", "boot without that; until then no modprobe loads it",
			       "not loaded; module_blacklist= of the kernel's command line forbids it");
	} else if (forbidden(d, conf)) {
		doctor_problem(d, "module", "load the module: modprobe hvstep; remove that line, or "
			       "word, to have it loaded at boot",
			       "not loaded; %s keeps it from being loaded at boot", conf);
	} else {
		doctor_problem(d, "module", remedy, "not loaded; installed as %s", path);
	}
}

enum signature { UNSIGNED, SIGNED, UNKNOWN };

static enum signature signature_of(const struct doctor *d)
{
	char path[PATH_MAX], end[sizeof(SIGNATURE) - 1], text[128];
	enum signature ret = UNKNOWN;
	bool listed;
	int fd;

	if (!*d->release || !tree_module(d, d->release, "hvstep", path, &listed))
		return UNKNOWN;
	if (is_compressed(path)) {
		if (!built_for(d, path, text, sizeof(text)) ||
		    !modinfo(d, path, "sig_id", text, sizeof(text)))
			return UNKNOWN;
		return *text ? SIGNED : UNSIGNED;
	}
	fd = open_module(d, path);
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
		"sign it with a key that this kernel trusts: make sign KEY=FILE CERT=FILE; or let "
		"DKMS do that, mok_signing_key and mok_certificate in /etc/dkms/framework.conf, and "
		"dkms remove and install it anew; README.md has a section on it";
	char lockdown[128] = "", enforce[8] = "";
	enum signature signature = signature_of(d);
	const char *why = NULL;

	tree_read(d, SECURITYFS "/lockdown", lockdown, sizeof(lockdown));
	tree_read(d, "/sys/module/module/parameters/sig_enforce", enforce, sizeof(enforce));
	if (strstr(lockdown, "[integrity]"))
		why = "lockdown=integrity";
	else if (strstr(lockdown, "[confidentiality]"))
		why = "lockdown=confidentiality";
	else if (enforce[0] == 'Y')
		why = "module.sig_enforce";

	/* A kernel may have neither; but a container seldom has the first, a collection any. */
	if (!why && !*lockdown && !tree_has(d, SECURITYFS "/lsm")) {
		if (doctor_live(d))
			doctor_note(d, "signature", "ask outside of a container; or mount it: mount -t "
				    "securityfs none " SECURITYFS,
				    "whether modules need one cannot be seen without " SECURITYFS);
	} else if (!why) {
		doctor_ok(d, "signature", "modules need none");
	} else if (signature == UNSIGNED) {
		doctor_problem(d, "signature", remedy,
			       "%s: only signed modules are loaded, and hvstep's is not", why);
	} else {
		doctor_note(d, "signature",
			    "if modprobe fails (Key was rejected, Operation not permitted) it is not "
			    "such a key; README.md has a section on it",
			    "%s: only modules are loaded that a key has signed which this kernel "
			    "trusts%s", why, signature == SIGNED ? "; hvstep's is signed" : "");
	}
}

void doctor_module_file(struct doctor *d)
{
	long disabled;

	check_installed(d);
	check_signature(d);
	if (tree_number(d, "/proc/sys/kernel/modules_disabled", &disabled) && disabled)
		doctor_problem(d, "modules", "boot again, and load hvstep before what sets it",
			       "kernel.modules_disabled=1: no module can be loaded until the next boot");
}
