/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which VMs are to come through our code, in a form that stub.S can ask: the number of
 * such VMs in each class of the addresses of struct kvm. 0: this is none of them.
 */
#ifndef HVSTEP_FILTER_H
#define HVSTEP_FILTER_H

/* struct kvm is some pages: these bits of its address differ. */
#define HVSTEP_FILTER_SHIFT	12
#define HVSTEP_FILTER_BITS	10

#ifndef __ASSEMBLY__
static inline unsigned int hvstep_filter_class(const void *kvm)
{
	return (unsigned long)kvm >> HVSTEP_FILTER_SHIFT & ((1U << HVSTEP_FILTER_BITS) - 1);
}
#endif

#endif /* HVSTEP_FILTER_H */
