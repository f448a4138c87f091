// Package builtin has the services that every installation comes with, and their
// microservices: the six of Jarwar, Ali and Chong (Energies 2019, 12(3), 360), S1
// generation and load estimation, S2 appliance consumption prediction, S3 EV charging
// billing and report, S4 energy sharing billing to prosumers, S5 optimisation from
// occupancy, S6 saving prediction; and, for demonstrations, the paper's structure "P" of
// nine objects. The thresholds of S1 to S6 are the times that the paper measured end to
// end with 50 requests at once.
//
// The paper names the services, and says little of what is in them: microservices,
// classes and restrictions are ours.
//
// Guarantees: pure values. The data are part of the program and checked by its tests;
// every caller gets copies of its own.
package builtin
