/* Makes the kernel tell what a ring lost last, where an event cannot be asked for it. */
#ifndef CXMS_SOURCE_RING_NOTE_H
#define CXMS_SOURCE_RING_NOTE_H

/**
 * cxms_ring_note() - have the kernel write one more record into a ring
 * @fd:  an event of @cpu with a ring, made by cxms_perf_attr() or cxms_perf_attr_access()
 * Of what a ring had no room for the kernel tells in front of the next record, and behind the last
 * event of a program none comes. The record is of ourselves, a name that is no exec's; this thread
 * runs on @cpu meanwhile, a few tens of microseconds. The ring must have room.
 * Return: 0, or -errno: this thread may not run there, or the event was refused
 */
int cxms_ring_note(int fd, unsigned cpu);

#endif
