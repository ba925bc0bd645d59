export function Mark() {
  return <img class="mark" src="icon.svg" alt="" width={28} height={28} />;
}
