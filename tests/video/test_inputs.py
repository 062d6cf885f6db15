"""Videos as phones, cameras and recorders write them: what is read, and what the result keeps."""

import errno
import logging
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import PIL.ExifTags
import PIL.Image
import pytest

from swapcore.errors import InputError
from swapcore.ops.image import decode
from swapcore.video import joining, reading
from swapcore.video.joining import FORMATS, check_times, join, plan_streams
from swapcore.video.reading import read_facts, read_frames
from swapcore.video.writing import PART_SUFFIX, PartWriter
from tests.icc_profiles import DISPLAY_P3, rgb_profile
from tests.video.clips import MATRICES, PATCHES, corners, facts, patches, quarters, times_of, write_clip

CASES = Path(__file__).parents[3] / "shared" / "cases"
collected = pytest.mark.skipif(
    not CASES.is_dir(), reason="the collected cases are not part of the repository; the others are made here"
)


def passed_through(video: Path, out: Path) -> Path:
    """Read, write in two parts and join a video, as a swap does."""
    known = read_facts(video)
    plan = plan_streams(video, out.suffix)
    frames = list(read_frames(video))
    check_times([frame.time for frame in frames], known.time_base, out)
    parts = []
    for number, part in enumerate((frames[: len(frames) // 2], frames[len(frames) // 2 :])):
        parts.append(out.with_name(f"part-{number}{PART_SUFFIX}"))
        writer = PartWriter(parts[-1], known)
        for frame in part:
            writer.add(frame)
        writer.finish()
    last = frames[-1].duration * known.time_base or None
    join(parts, video, out, plan, origin=known.origin, last=last)
    return out


def first_image(path: Path) -> np.ndarray:
    return next(iter(read_frames(path))).image


def middles(image: np.ndarray) -> np.ndarray:
    """Colors of the patches."""
    width = image.shape[1] // len(PATCHES)
    return np.array([image[20:-20, width * n + 8 : width * (n + 1) - 8].mean((0, 1)) for n in range(len(PATCHES))])


@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", MATRICES)
def test_color_matrix_range_and_tags_are_kept(tmp_path, matrix, full_range):
    video = write_clip(tmp_path / "in.mp4", [patches()] * 2, matrix=MATRICES[matrix], full_range=full_range,
                       tags={"range": 1, "transfer": 1, "primaries": 1})  # fmt: skip
    assert np.abs(middles(first_image(video)) - PATCHES).max() <= 3
    out = passed_through(video, tmp_path / "out.mp4")
    assert facts(out)["tags"] == facts(video)["tags"] == (MATRICES[matrix], 1 + full_range, 1, 1)
    assert np.abs(middles(first_image(out)) - PATCHES).max() <= 4


@pytest.mark.parametrize("height", [128, 720])
def test_untagged_colors_are_those_that_players_show(tmp_path, height):
    video = write_clip(
        tmp_path / "in.mp4", [patches(192, height)] * 2, matrix=MATRICES["bt709" if height == 720 else "bt601"]
    )
    untagged = tmp_path / "untagged.mp4"
    with av.open(str(video)) as source, av.open(str(untagged), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.codec_context.colorspace = 2
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    assert np.abs(middles(first_image(untagged)) - PATCHES).max() <= 3


MATRIX = {  # transpose, flip across, flip down -> the display matrix's a, b, c, d
    (False, False, False): (1, 0, 0, 1), (False, True, False): (-1, 0, 0, 1), (False, False, True): (1, 0, 0, -1),
    (False, True, True): (-1, 0, 0, -1), (True, False, False): (0, 1, 1, 0), (True, True, False): (0, 1, -1, 0),
    (True, False, True): (0, -1, 1, 0), (True, True, True): (0, -1, -1, 0),
}  # fmt: skip


@pytest.mark.parametrize("turn", MATRIX)
def test_every_display_matrix_is_shown_as_players_do(tmp_path, turn):
    transposed, across, down = turn
    a, b, c, d = (value << 16 for value in MATRIX[turn])
    stored = corners()
    video = write_clip(tmp_path / "in.mp4", [stored] * 2, display=[a, b, 0, c, d, 0, 0, 0, 1 << 30])
    expected = stored.transpose(1, 0, 2) if transposed else stored
    expected = expected[:: -1 if down else 1, :: -1 if across else 1]
    image = first_image(video)
    assert image.shape == expected.shape
    assert np.abs(quarters(image) - quarters(expected)).max() <= 6
    out = passed_through(video, tmp_path / "out.mp4")
    assert facts(out)["size"] == expected.shape[1::-1]
    assert np.abs(quarters(first_image(out)) - quarters(expected)).max() <= 8


def test_profiles_and_exif_data_of_frames_are_survived(tmp_path):
    # PyAV freed the name of a PNG's color profile twice, and knew no EXIF data.
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.Orientation] = 6
    first, second = (PIL.Image.fromarray(image) for image in (corners(), corners()[::-1]))
    names = ["a.png", "moving.png", "a.jpg", "a.webp"]
    for name in names:
        several = {"save_all": True, "append_images": [second]} if name == "moving.png" else {}
        first.save(tmp_path / name, exif=exif, icc_profile=rgb_profile(DISPLAY_P3), **several)
    program = (
        "import gc, sys\nfrom pathlib import Path\nfrom swapcore.video.reading import read_facts\n"
        "for name in sys.argv[1:]:\n    facts = read_facts(Path(name)); gc.collect(); print(facts.width, facts.height)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *names], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split("\n")) == (0, ["64 96"] * 4 + [""]), done.stderr


@pytest.mark.parametrize(("shape", "size"), [(Fraction(64, 45), (136, 64)), (Fraction(8, 9), (96, 72))])
def test_pixels_become_square_at_the_same_display_aspect(tmp_path, shape, size):
    video = write_clip(tmp_path / "in.mp4", [corners()] * 2, pixel_shape=shape)
    out = facts(passed_through(video, tmp_path / "out.mp4"))
    assert out["size"] == size
    assert out["shape"] in {None, Fraction(0), Fraction(1)}


@pytest.mark.parametrize(
    ("width", "height", "shape"),
    [(16_400, 16, None), (16, 16_400, None), (4_096, 16, Fraction(5))],
)
def test_frames_that_cannot_be_written_are_refused_at_once(tmp_path, width, height, shape):
    video = write_clip(tmp_path / "in.mov", [np.zeros((height, width, 3), np.uint8)], codec="png",
                       pixel_format="rgb24", pixel_shape=shape)  # fmt: skip
    with pytest.raises(InputError, match=r"are too large; at most 100 megapixels and 16384 px per side"):
        read_facts(video)


def test_large_frames_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    video = write_clip(tmp_path / "in.mp4", [corners(96, 64)])
    monkeypatch.setattr(reading, "MAX_MEGAPIXELS", 0.006)
    monkeypatch.setattr(reading, "_decoded", None)
    with pytest.raises(InputError, match=r"frames of 96 x 64 px are too large; at most 0.006 megapixels"):
        read_facts(video)


def test_odd_sizes_are_kept(tmp_path):
    video = write_clip(tmp_path / "in.mp4", [corners(95, 63)] * 2, pixel_format="yuv444p")
    assert facts(passed_through(video, tmp_path / "out.mp4"))["size"] == (95, 63)


def test_cover_art_is_not_the_video(tmp_path):
    video, cover = write_clip(tmp_path / "v.mp4", [patches()] * 3), tmp_path / "c.jpg"
    from tests.video.clips import still

    cover.write_bytes(still(corners()))
    both = tmp_path / "in.mp4"
    words = ["ffmpeg", "-v", "error", "-i", cover, "-i", video, "-map", "0", "-map", "1", "-c", "copy",
             "-disposition:v:0", "attached_pic", both]  # fmt: skip
    subprocess.run(words, check=True)
    assert len(list(read_frames(both))) == 3
    only = tmp_path / "only.mp4"
    subprocess.run([*words[:4], cover, "-map", "0", "-c", "copy", "-disposition:v:0", "attached_pic", only], check=True)
    with pytest.raises(InputError, match="no video stream"):
        read_facts(only)


def test_times_keep_their_unit(tmp_path):
    unit = Fraction(1001, 60_000)
    video = write_clip(tmp_path / "in.mov", [corners()] * 12, unit=unit)
    for suffix in (".mp4", ".mov"):
        times = times_of(passed_through(video, tmp_path / f"out{suffix}"))
        assert np.diff(times).tolist() == [unit] * 11
    matroska = times_of(passed_through(video, tmp_path / "out.mkv"))
    assert np.abs(np.array(matroska, float) - np.arange(12) * float(unit)).max() <= 0.001


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("unit", [Fraction(1, 25), Fraction(1001, 60_000)])
def test_the_stated_rate_is_the_originals(tmp_path, suffix, unit):
    out = passed_through(write_clip(tmp_path / "in.mp4", [corners()] * 12, unit=unit), tmp_path / f"out{suffix}")
    with av.open(str(out)) as container:
        assert abs(container.streams.video[0].average_rate * unit - 1) < 1e-4


def test_frames_closer_than_a_millisecond(tmp_path):
    video = write_clip(
        tmp_path / "in.mp4", [corners()] * 6, unit=Fraction(1, 90_000), times=[0, 20, 40, 90, 3000, 6000]
    )
    times = [time * 90_000 for time in times_of(passed_through(video, tmp_path / "out.mp4"))]
    assert times == [0, 20, 40, 90, 3000, 6000]
    with pytest.raises(InputError, match=r"less than 1 ms apart; name it \.mp4"):
        passed_through(video, tmp_path / "out.mkv")


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_late_start_becomes_zero_and_sound_stays_in_step(tmp_path, suffix):
    times = [9000 * 25 + n for n in range(10)]  # six minutes
    video = write_clip(tmp_path / "in.ts", [corners()] * 10, times=times, sound="aac", sound_from=9000.25)
    out = passed_through(video, tmp_path / f"out{suffix}")
    pictures, sounds = ([times_of(path, kind)[0] for path in (video, out)] for kind in ("video", "audio"))
    assert min(pictures[1], sounds[1]) <= Fraction(1, 1000)
    assert abs((sounds[1] - pictures[1]) - (sounds[0] - pictures[0])) <= Fraction(1, 1000)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_that_the_container_cannot_hold_becomes_aac(tmp_path, suffix, caplog):
    video = write_clip(tmp_path / "in.avi", [corners()] * 25, codec="mpeg4", sound="pcm_mulaw")
    with caplog.at_level(logging.WARNING):
        out = passed_through(video, tmp_path / f"out{suffix}")
    assert facts(out)["sounds"] == ["aac"]
    assert f"{suffix} cannot hold its sound; it is encoded as AAC" in caplog.text
    with av.open(str(out)) as container:
        samples = np.concatenate([frame.to_ndarray().ravel() for frame in container.decode(audio=0)])
    assert samples.size == pytest.approx(48_000, abs=2100)
    assert np.abs(samples[4000:44_000]).max() == pytest.approx(12_000 / 32_768, abs=0.05)


def with_subtitles(video: Path, out: Path, codec: str) -> Path:
    (video.parent / "s.srt").write_text("1\n00:00:00,000 --> 00:00:00,200\nhello\n")
    (video.parent / "m.txt").write_text(
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=200\ntitle=One\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=200\nEND=400\ntitle=Two\n"
    )
    inputs = [word for name in (video.name, "s.srt", "m.txt") for word in ("-i", video.parent / name)]
    words = [
        "ffmpeg",
        "-v",
        "error",
        *inputs,
        "-map",
        "0",
        "-map",
        "1",
        "-map_metadata",
        "2",
        "-c",
        "copy",
        "-c:s",
        codec,
        out,
    ]
    subprocess.run(words, check=True)
    return out


def test_subtitles_and_chapters_are_kept_or_named(tmp_path, caplog):
    plain = write_clip(tmp_path / "v.mp4", [corners()] * 10)
    matroska = with_subtitles(plain, tmp_path / "in.mkv", "srt")
    with caplog.at_level(logging.WARNING):
        kept = facts(passed_through(matroska, tmp_path / "out.mkv"))
        assert not caplog.records
        left = facts(passed_through(matroska, tmp_path / "out.mp4"))
    assert kept["subtitles"] == ["srt"] or kept["subtitles"] == ["subrip"]
    assert left["subtitles"] == []
    assert "streams that the result does not have: 1 subtitle" in caplog.text
    for found in (kept, left):
        assert [(float(start), title) for start, title in found["chapters"]] == [(0.0, "One"), (0.2, "Two")]


SOUNDS = {
    "eight channels of PCM": ("sine", "7.1", 48_000, "pcm_s24le"), "FLAC of 192 kHz": ("sine", "mono", 192_000, "flac"),
    "AC-3": ("sine", "5.1", 48_000, "ac3"), "Vorbis": ("sine", "stereo", 48_000, "libvorbis"),
    "Opus": ("sine", "stereo", 48_000, "libopus"), "ADPCM": ("sine", "mono", 8_000, "adpcm_ima_wav"),
    "MP2": ("sine", "stereo", 44_100, "mp2"), "A-law": ("sine", "mono", 8_000, "pcm_alaw"),
}  # fmt: skip


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("sound", SOUNDS)
def test_all_sound_is_kept_in_every_container(tmp_path, sound, suffix):
    """What a container refuses only when it is closed is known before, too."""
    source, layout, rate, codec = SOUNDS[sound]
    video = write_clip(tmp_path / "v.mp4", [patches()] * 12)
    words = ["ffmpeg", "-v", "error", "-i", video, "-f", "lavfi", "-i", f"{source}=r={rate}:d=0.48", "-map", "0", "-map", "1",
             "-c:v", "copy", "-c:a", codec, "-ar", str(rate), "-channel_layout", layout, tmp_path / "in.mkv"]  # fmt: skip
    subprocess.run(words, check=True)
    out = passed_through(tmp_path / "in.mkv", tmp_path / f"out{suffix}")
    assert len(times_of(out)) == 12
    times = times_of(out, "audio")
    assert 0.3 < times[-1] - times[0] < 0.6


def test_sounds_keep_their_order_though_one_is_encoded(tmp_path):
    video = write_clip(tmp_path / "v.mp4", [patches()] * 12)
    sound = ["-f", "lavfi", "-i", "sine=r=48000:d=0.48"]
    words = ["ffmpeg", "-v", "error", "-i", video, *sound, *sound, "-map", "0", "-map", "1", "-map", "2", "-c:v", "copy",
             "-c:a:0", "pcm_s24le", "-channel_layout:a:0", "7.1", "-c:a:1", "ac3", tmp_path / "in.mkv"]  # fmt: skip
    subprocess.run(words, check=True)
    assert facts(passed_through(tmp_path / "in.mkv", tmp_path / "out.mp4"))["sounds"] == ["aac", "ac3"]


@pytest.mark.parametrize(("number", "is_system"), [(errno.EINVAL, False), (errno.EPERM, False), (errno.ENOSPC, True)])
def test_what_cannot_be_written_is_one_line(tmp_path, monkeypatch, number, is_system):
    video = write_clip(tmp_path / "in.mp4", [patches()] * 4)
    monkeypatch.setattr(joining, "_chapters", lambda *_: av.error.err_check(-number))
    for suffix, advice in ((".mp4", "name it .mkv"), (".mkv", "convert the original first")):
        with pytest.raises(OSError if is_system else InputError) as caught:
            passed_through(video, tmp_path / f"out{suffix}")
        assert is_system or f"out{suffix}: cannot be written as {suffix}" in str(caught.value)
        assert is_system or str(caught.value).endswith(advice)


def test_a_change_of_size_is_scaled_and_said(tmp_path, caplog):
    small, large = (write_clip(tmp_path / f"{n}.ts", [corners(*n)] * 4) for n in ((96, 64), (192, 128)))
    video = tmp_path / "in.ts"
    video.write_bytes(small.read_bytes() + large.read_bytes())
    with caplog.at_level(logging.WARNING):
        frames = list(read_frames(video))
    assert {frame.image.shape for frame in frames} == {(64, 96, 3)}
    assert len(frames) == 8
    assert np.diff([frame.time for frame in frames]).tolist() == [3600] * 7  # the second recording begins at 0 again
    assert np.abs(quarters(frames[-1].image) - quarters(corners())).max() <= 8
    assert "the size changes to 192 x 128 px" in caplog.text


@pytest.mark.parametrize("share", [0.4, 0.7, 0.95])
def test_of_a_cut_off_recording_what_can_be_decoded_is_kept(tmp_path, share, caplog):
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (64, 96, 3), dtype=np.uint8) for _ in range(40)]
    video = write_clip(tmp_path / "in.mp4", frames, container_options={"movflags": "frag_keyframe+empty_moov"},
                       options={"crf": "20", "g": "5", "bf": "0"})  # fmt: skip
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(video.read_bytes()[: int(video.stat().st_size * share)])
    with caplog.at_level(logging.WARNING):
        num = len(list(read_frames(cut)))
    assert 40 * share - 10 < num < 40
    assert len(times_of(passed_through(cut, tmp_path / "out.mp4"))) == num


def test_damage_in_the_middle_is_said(tmp_path, caplog):
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (64, 96, 3), dtype=np.uint8) for _ in range(30)]
    data = bytearray(write_clip(tmp_path / "in.mp4", frames, options={"crf": "20", "g": "5", "bf": "0"}).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = bytes(20_000)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        num = len(list(read_frames(damaged)))
    assert 5 <= num <= 30
    assert "cut off or damaged" in caplog.text


def test_the_last_frame_of_a_gif_keeps_its_duration(tmp_path):
    video = tmp_path / "in.gif"
    import PIL.Image

    images = [PIL.Image.fromarray(corners() // (n + 1)) for n in range(4)]
    images[0].save(video, save_all=True, append_images=images[1:], duration=[100, 100, 100, 900], loop=0)
    out = passed_through(video, tmp_path / "out.mp4")
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(1.2, abs=0.02)
        assert len(list(container.decode(stream))) == 4


@pytest.mark.parametrize(("transfer", "level"), [(16, 0.58), (18, 0.75)], ids=["pq", "hlg"])
def test_hdr_is_tone_mapped_and_said(tmp_path, transfer, level, caplog):
    white = np.full((64, 96, 3), round(255 * level), np.uint8)  # reference white, 203 nits
    video = write_clip(tmp_path / "in.mp4", [white] * 2, codec="libx265", pixel_format="yuv420p10le", matrix=9,
                       options={"x265-params": "log-level=none"}, tags={"range": 1, "transfer": transfer, "primaries": 9})  # fmt: skip
    with caplog.at_level(logging.WARNING):
        image = first_image(video)
    assert "is HDR; the result is tone-mapped to SDR" in caplog.text
    assert 205 <= image.mean() <= 250
    assert np.ptp(image.mean((0, 1))) <= 3
    out = passed_through(video, tmp_path / "out.mp4")
    assert facts(out)["tags"] == (1, 1, 1, 1)
    assert abs(first_image(out).mean() - image.mean()) <= 3


COLLECTED = {
    "sar.mp4": (456, 240), "hflip.mp4": (320, 240), "ts10h.ts": (320, 240), "mulaw.avi": (320, 240),
    "cover.mp4": (320, 240), "hd709.mp4": (1280, 720), "hdrpq.mp4": (320, 240), "hlg.mp4": (320, 240),
    "resize.ts": (320, 240), "odd.mp4": (319, 239), "fragtrunc.mp4": (320, 240),
}  # fmt: skip


@collected
@pytest.mark.parametrize("name", COLLECTED)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_collected_cases(tmp_path, name, suffix, caplog):
    with caplog.at_level(logging.WARNING):
        out = passed_through(CASES / name, tmp_path / f"out{suffix}")
    found = facts(out)
    assert found["size"] == COLLECTED[name]
    assert min(times_of(out)) <= Fraction(1, 20)
    assert len(times_of(out)) == len(list(read_frames(CASES / name)))
    assert found["shape"] in {None, Fraction(0), Fraction(1)}
    assert ("is HDR; the result is tone-mapped to SDR" in caplog.text) == (name in {"hdrpq.mp4", "hlg.mp4"})
    if name in {"hd709.mp4", "hdrpq.mp4", "hlg.mp4"}:
        assert found["tags"] == (1, 1, 1, 1)
        assert np.abs(first_image(out).mean((0, 1)) - first_image(CASES / name).mean((0, 1))).max() <= 2
    if name == "mulaw.avi":
        assert found["sounds"] == ["aac"]
        assert "cannot hold its sound; it is encoded as AAC" in caplog.text
    if name == "hflip.mp4":
        assert np.abs(as_ffmpeg_shows(CASES / name).astype(int) - first_image(out)).mean() <= 3
    if name == "resize.ts":
        assert "the size changes to" in caplog.text
    if name == "fragtrunc.mp4":
        assert "cut off or damaged" in caplog.text


def as_ffmpeg_shows(video: Path) -> np.ndarray:
    """The first frame as the ffmpeg program turns it."""
    words = ["ffmpeg", "-v", "error", "-i", video, "-frames:v", "1", "-f", "image2", "-c:v", "png", "-"]
    return decode(subprocess.run(words, check=True, capture_output=True).stdout)
