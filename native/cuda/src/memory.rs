//! Numbers on a device, and on their way there and back.

use std::ops::Range;

use cudarc::driver::{CudaSlice, CudaView, CudaViewMut, DeviceRepr, PinnedHostSlice, ValidAsZeroBits};

use crate::{device::Queue, element::Element, error::CudaError};

/// Parameters of a model: written once, read by any queue.
pub struct Parameters<T>(pub(crate) CudaSlice<T>);

impl<T: Element> Parameters<T> {
    /// Copies `numbers`, rounded, to the device and waits until they are there.
    pub fn upload(queue: &Queue, numbers: &[f32]) -> Result<Self, CudaError> {
        let copied = queue.stream.clone_htod(&T::rounded(numbers))?;
        queue.wait()?;
        Ok(Self(copied))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }
}

/// Memory of a queue that grows with what it has to hold and is kept from batch to batch.
pub struct Buffer<T>(CudaSlice<T>);

impl<T: Element> Buffer<T> {
    pub fn new(queue: &Queue) -> Result<Self, CudaError> {
        Ok(Self(queue.stream.null()?))
    }

    /// Room for `count` numbers; what was in it is lost where it grows.
    pub fn reserve(&mut self, queue: &Queue, count: usize) -> Result<(), CudaError> {
        if self.0.len() < count {
            // Zeros, so that what fills a product's last rows is finite.
            self.0 = queue.stream.alloc_zeros(count.next_power_of_two())?;
        }
        Ok(())
    }

    /// The first `count` numbers, once everything before in the queue is done.
    ///
    /// They pass through memory that is not page-locked: few enough that it does not matter.
    pub fn fetch(&self, queue: &Queue, count: usize) -> Result<Vec<T>, CudaError> {
        let mut numbers = vec![T::default(); count];
        queue.stream.memcpy_dtoh(&self.view(count), &mut numbers)?;
        queue.wait()?;
        Ok(numbers)
    }

    pub(crate) fn all(&self) -> CudaView<'_, T> {
        self.0.as_view()
    }

    pub(crate) fn view(&self, count: usize) -> CudaView<'_, T> {
        self.0.slice(..count)
    }

    pub(crate) fn view_mut(&mut self, count: usize) -> CudaViewMut<'_, T> {
        self.0.slice_mut(..count)
    }
}

/// What goes to the device: page-locked memory of the host, since a copy from other memory takes a detour, and
/// memory of the device.
pub struct Staging<T> {
    host: PinnedHostSlice<T>,
    device: CudaSlice<T>,
}

impl<T: DeviceRepr + ValidAsZeroBits + Copy> Staging<T> {
    pub fn new(queue: &Queue) -> Result<Self, CudaError> {
        Ok(Self { host: pinned(queue, 1)?, device: queue.stream.alloc_zeros(1)? })
    }

    /// Writes the parts one after another and sends them to the device.
    pub fn send(&mut self, queue: &Queue, parts: &[&[T]]) -> Result<(), CudaError> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if self.host.len() < length {
            let room = length.next_power_of_two();
            self.host = pinned(queue, room)?;
            self.device = queue.stream.alloc_zeros(room)?;
        }
        let mut rest = &mut self.host.as_mut_slice()?[..length];
        for part in parts {
            let (place, behind) = rest.split_at_mut(part.len());
            place.copy_from_slice(part);
            rest = behind;
        }
        let sent = &self.host.as_slice()?[..length];
        Ok(queue.stream.memcpy_htod(sent, &mut self.device.slice_mut(..length))?)
    }

    /// A part of what the device has.
    pub fn part(&self, range: Range<usize>) -> View<'_, T> {
        View(self.device.slice(range))
    }
}

/// Numbers on the device that are read only.
pub struct View<'a, T>(pub(crate) CudaView<'a, T>);

impl<T> View<'_, T> {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }
}

fn pinned<T: DeviceRepr>(queue: &Queue, count: usize) -> Result<PinnedHostSlice<T>, CudaError> {
    // SAFETY: every number is written, by the host or the device, before it is read; any bits are a valid one.
    Ok(unsafe { queue.device.context.alloc_pinned_with_flags(count, 0) }?)
}
