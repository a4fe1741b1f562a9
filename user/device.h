/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_DEVICE_H
#define HVSTEP_DEVICE_H

/*
 * Fixed when built, never taken from the environment: the shim runs inside
 * other people's VMMs, and hands this path a VM.
 */
#ifndef HVSTEP_DEVICE
#define HVSTEP_DEVICE	"/dev/hvstep"
#endif

#endif /* HVSTEP_DEVICE_H */
