package procgroup

// mechanisms are the containments of Windows.
var mechanisms = []mechanism{jobMechanism}
