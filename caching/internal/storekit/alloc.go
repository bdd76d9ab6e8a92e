package storekit

import (
	"slices"
	"unsafe"
)

// sizeClasses are the sizes of the blocks that Go allocates up to 32 KiB.
var sizeClasses = []int64{
	8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384, 416, 448, 480, 512,
	576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200, 3456, 4096, 4864, 5376,
	6144, 6528, 6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576,
	27264, 28672, 32768,
}

// smallClasses is the size class of each number of words up to 1 KiB. Most parts of an entry are
// that small.
var smallClasses = func() (classes [1<<10/8 + 1]int64) {
	for words := range classes {
		i, _ := slices.BinarySearch(sizeClasses, int64(8*words))
		classes[words] = sizeClasses[i]
	}
	return classes
}()

// AllocSize returns how much memory Go allocates for n bytes: up to 32 KiB a size class, else
// pages.
func AllocSize(n int64) int64 {
	switch {
	case n <= 0:
		return 0
	case n <= 1<<10:
		return smallClasses[(n+7)/8]
	case n > 32<<10:
		return (n + 8191) &^ 8191
	}
	i, _ := slices.BinarySearch(sizeClasses, n)
	return sizeClasses[i]
}

// ArraySize returns how much memory is allocated for an array of n elements.
func ArraySize[T any](n int) int64 {
	var one T
	return AllocSize(int64(n) * int64(unsafe.Sizeof(one))) //nolint:gosec // small
}

// StringSize returns how much memory is allocated for s, unless it is part of a larger string.
func StringSize(s string) int64 { return AllocSize(int64(len(s))) }
