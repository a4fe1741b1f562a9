// SPDX-License-Identifier: GPL-2.0
/* hvstep doctor: files of the system that is looked at. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"

void tree_path(const struct doctor *d, char full[PATH_MAX], const char *path)
{
	/* One that is cut off is not there. */
	snprintf(full, PATH_MAX, "%s%s", d->root, path);
}

bool tree_has(const struct doctor *d, const char *path)
{
	char full[PATH_MAX];

	tree_path(d, full, path);
	return access(full, F_OK) == 0;
}

ssize_t tree_read(const struct doctor *d, const char *path, char *buf, size_t size)
{
	char full[PATH_MAX];
	ssize_t got = 1;
	size_t len = 0;
	int fd, err;

	tree_path(d, full, path);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while (len < size - 1 && got > 0) {
		got = read(fd, buf + len, size - 1 - len);
		if (got > 0)
			len += got;
	}
	err = errno;
	close(fd);
	errno = err;
	buf[len] = '\0';
	return got < 0 ? -1 : (ssize_t)len;
}

bool tree_number(const struct doctor *d, const char *path, long *value)
{
	char text[32], *end;

	if (tree_read(d, path, text, sizeof(text)) < 0)
		return false;
	*value = strtol(text, &end, 10);
	return end != text;
}

/* The names of modules and of their files differ in this. */
static bool same_name(const char *a, const char *b, size_t len)
{
	for (; len; a++, b++, len--)
		if (*a != *b && !(strchr("-_", *a) && strchr("-_", *b)))
			return false;
	return true;
}

/* Is @path, as far as @len goes, that of a module's file, compressed or not? */
static bool is_file_of(const char *path, size_t len, const char *name)
{
	const char *slash = memrchr(path, '/', len), *file = slash ? slash + 1 : path;
	size_t left = len - (file - path), n = strlen(name);

	return left >= n + 3 && same_name(file, name, n) && !memcmp(file + n, ".ko", 3) &&
	       (left == n + 3 || file[n + 3] == '.');
}

/* What modprobe goes by, made by depmod. */
static bool find_listed(const struct doctor *d, const char *release, const char *name,
			char path[PATH_MAX])
{
	char full[PATH_MAX], *line = NULL;
	bool found = false;
	size_t size = 0;
	FILE *dep;

	snprintf(path, PATH_MAX, "/lib/modules/%s/modules.dep", release);
	tree_path(d, full, path);
	dep = fopen(full, "re");
	if (!dep)
		return false;
	while (!found && getline(&line, &size, dep) > 0) {
		size_t len = strcspn(line, ":\n");

		if (!is_file_of(line, len, name))
			continue;
		snprintf(path, PATH_MAX, "/lib/modules/%s/%.*s", release, (int)len, line);
		found = true;
	}
	free(line);
	fclose(dep);
	return found;
}

/* Where dkms, `make modules_install` and distributions put what is not the kernel's own. */
static bool find_unlisted(const struct doctor *d, const char *release, const char *name,
			  char path[PATH_MAX])
{
	static const char * const dirs[] = { "updates/dkms", "updates", "extra", "misc" };
	static const char * const suffixes[] = { "", ".xz", ".zst", ".gz" };

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		for (size_t k = 0; k < sizeof(suffixes) / sizeof(suffixes[0]); k++) {
			snprintf(path, PATH_MAX, "/lib/modules/%s/%s/%s.ko%s", release, dirs[i],
				 name, suffixes[k]);
			if (tree_has(d, path))
				return true;
		}
	}
	return false;
}

bool tree_module(const struct doctor *d, const char *release, const char *name,
		 char path[PATH_MAX], bool *listed)
{
	/* One that has been removed since depmod ran is not there. */
	*listed = find_listed(d, release, name, path) && tree_has(d, path);
	return *listed || find_unlisted(d, release, name, path);
}

bool tree_module_loaded(const struct doctor *d, const char *name)
{
	char full[PATH_MAX], path[64], *line = NULL;
	bool found = false;
	size_t size = 0, len = strlen(name);
	FILE *modules;

	snprintf(path, sizeof(path), "/sys/module/%s", name);
	if (tree_has(d, path))
		return true;
	/* Collections of a system's files seldom have all of /sys. */
	tree_path(d, full, "/proc/modules");
	modules = fopen(full, "re");
	if (!modules)
		return false;
	while (!found && getline(&line, &size, modules) > 0)
		found = !strncmp(line, name, len) && line[len] == ' ';
	free(line);
	fclose(modules);
	return found;
}
