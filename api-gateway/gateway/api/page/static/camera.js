// The camera in a dialog. Where pages may not use it (plain http), a phone's own camera app is opened.

const REASONS = {
  NotAllowedError: "Access to the camera was denied. Allow it in the browser's address bar.",
  NotFoundError: "No camera was found.",
  NotReadableError: "Another program is using the camera.",
};

export function offerCamera({ onFile }) {
  const dialog = document.getElementById("camera");
  const video = document.getElementById("video");
  const shoot = document.getElementById("shoot");
  const problem = document.getElementById("camera-problem");
  const hasCamera = Boolean(navigator.mediaDevices?.getUserMedia);
  let stream = null;

  const stop = () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = video.srcObject = null;
  };

  const open = async () => {
    problem.hidden = true;
    shoot.disabled = true;
    dialog.showModal();
    try {
      const wanted = { facingMode: "environment", width: { ideal: 1920 }, height: { ideal: 1080 } };
      stream = await navigator.mediaDevices.getUserMedia({ video: wanted });
      if (!dialog.open) return stop(); // closed while the browser was asking
      video.srcObject = stream;
      await video.play();
      shoot.disabled = false;
      shoot.focus();
    } catch (error) {
      if (!dialog.open) return;
      problem.textContent = REASONS[error.name] ?? `The camera cannot be used (${error.message}).`;
      problem.hidden = false;
    }
  };

  shoot.addEventListener("click", () => {
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob((blob) => onFile(new File([blob], "camera.jpg", { type: "image/jpeg" })), "image/jpeg", 0.92);
    dialog.close();
  });
  document.getElementById("camera-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", stop);

  for (const button of document.querySelectorAll("[data-camera]")) {
    button.hidden = !hasCamera && !matchMedia("(pointer: coarse)").matches;
    button.addEventListener("click", hasCamera ? open : () => document.getElementById("capture").click());
  }
}
