// Package cost prices image caches and the instances that use them.
//
// A Book is a dated list of unit prices in one currency. Bills are sums of
// Money; what a Book lacks is an error when it is needed, never a zero.
//
// It knows no images and no matching; it is handed sizes and times.
//
// Source of the formulas: Alibaba Cloud's ECI billing pages as collected in
// the project's fact sheet, cited as "eci §5".
package cost
