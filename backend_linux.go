package procgroup

// mechanisms are the containments of Linux, strongest first.
var mechanisms = []mechanism{cgroupMechanism, reaperMechanism, sessionMechanism}
