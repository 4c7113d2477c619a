// Package runlog keeps what the commands of a run write, in rotated files, and reads them.
//
// Package logline has the format of a line. PATH is the file that is written, PATH.1 the one
// before it, and so on. A line is in one file as a whole, and what does not end in a line break
// is no line yet.
//
// Files may be read while they are written and rotated, by this process and by others, without
// a lock.
package runlog
