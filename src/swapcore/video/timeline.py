"""Increasing times for streams whose times repeat, jump back or are missing."""


class Timeline:
    """Gives each frame or packet of a stream a time that is later than the one before.

    A time that is earlier by half a usual step or more is a new beginning, as in recordings that were joined; it continues
    after a usual step. A smaller step back is rounding.
    """

    def __init__(self, usual_step: int) -> None:
        """usual_step = time between two frames."""
        self._step = max(1, usual_step)
        self._shift = 0
        self._last: int | None = None

    def place(self, time: int | None) -> int:
        """Return the time at which a frame with this time is shown; None = right after the one before."""
        last = self._last
        if last is None:
            self._last = time or 0
        elif time is None:
            self._last = last + self._step
        else:
            if 2 * (last - time - self._shift) >= max(2, self._step):
                self._shift = last + self._step - time
            self._last = max(last + 1, time + self._shift)
        return self._last
