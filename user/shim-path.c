// SPDX-License-Identifier: GPL-2.0
/* Where the shim is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim-path.h"

/*
 * From the directory of the command itself: beside it in a build tree, then the
 * layouts of an installation, wherever its root is mounted or has been copied.
 */
static const char * const relative[] = {
	".",
#ifdef MULTIARCH
	("../lib/" MULTIARCH),
#endif
	"../lib64",
	"../lib",
};

static bool usable(const char *candidate, char path[PATH_MAX])
{
	return realpath(candidate, path) && access(path, R_OK) == 0;
}

static bool own_directory(char dir[PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", dir, PATH_MAX - 1);
	char *slash;

	if (len < 0)
		return false;
	dir[len] = '\0';
	slash = strrchr(dir, '/');
	if (!slash)
		return false;
	*slash = '\0';
	return true;
}

bool shim_find(char path[PATH_MAX])
{
	const char *preset = getenv("HVSTEP_PRELOAD");
	char candidate[2 * PATH_MAX], dir[PATH_MAX];

	if (preset && *preset) {
		/* Asked for by name: no other will do. */
		if (usable(preset, path))
			return true;
		snprintf(path, PATH_MAX, "%s", preset);
		return false;
	}
	if (own_directory(dir)) {
		for (size_t i = 0; i < sizeof(relative) / sizeof(relative[0]); i++) {
			snprintf(candidate, sizeof(candidate), "%s/%s/" SHIM_NAME,
				 dir, relative[i]);
			if (usable(candidate, path))
				return true;
		}
	}
	if (usable(LIBDIR "/" SHIM_NAME, path))
		return true;
	snprintf(path, PATH_MAX, "%s", LIBDIR "/" SHIM_NAME);
	return false;
}
