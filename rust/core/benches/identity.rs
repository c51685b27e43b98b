//! What making and checking an identity costs (01, 2).

#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use earthline_core::identity::{agree, generate, memory_hard_digest, sign, validate, verify};

fn search(c: &mut Criterion) {
    let mut group = c.benchmark_group("generate");
    group.sample_size(10);
    let mut seed = [0_u8; 32];
    for threads in [1, 2] {
        group.bench_function(format!("{threads} threads"), |b| {
            b.iter(|| {
                // Another seed each time: searches differ in length, and their mean is what counts.
                seed[0] = seed[0].wrapping_add(1);
                generate(black_box(&seed), threads)
            });
        });
    }
}

fn memory_hard(c: &mut Criterion) {
    let identity = generate(&[1; 32], 1);
    let mut group = c.benchmark_group("memory-hard");
    group.sample_size(20);
    group.bench_function("digest", |b| {
        b.iter(|| memory_hard_digest(black_box(&identity.public_key)));
    });
    group.bench_function("validate", |b| {
        b.iter(|| validate(identity.address, black_box(&identity.public_key)));
    });
}

fn curves(c: &mut Criterion) {
    let (ours, theirs) = (generate(&[1; 32], 1), generate(&[2; 32], 1));
    let message = [0x5a; 1400];
    let signature = sign(&ours.private_key, &message);
    c.bench_function("agree", |b| {
        b.iter(|| agree(&ours.private_key, black_box(&theirs.public_key)));
    });
    c.bench_function("sign", |b| b.iter(|| sign(&ours.private_key, black_box(&message))));
    c.bench_function("verify", |b| {
        b.iter(|| verify(&ours.public_key, &message, black_box(&signature)));
    });
}

criterion_group!(benches, memory_hard, search, curves);
criterion_main!(benches);
