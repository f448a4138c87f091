// Package poll has the sources that are asked by HTTP in an interval.
//
// A server is asked whether what it says has changed (ETag, Last-Modified), and
// only what has is read. Requests go where the settings allow, are not led
// elsewhere by redirects, take a minute at most, and answers are at most 8 MiB.
package poll
